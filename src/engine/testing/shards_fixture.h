// For tests: shards on one thread, with a clock that is set, mail that can be held back, stores
// that delay and fail, and clients that note what they hear.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/shard.h"
#include "engine/testing/fake_properties.h"
#include "engine/testing/keeping_store.h"
#include "storage/memory_metadata.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// Ends commits when, and as, it is told to; until then at once and well.
class ScriptedStore final : public storage::MessageStore {
 public:
  void append(const storage::MessageRecord&) override {
    ++appended;
    touched_ = true;
  }
  void settle(std::uint64_t, std::uint64_t first, std::uint64_t last) override {
    settled += static_cast<int>(last - first + 1);
    touched_ = true;
  }
  storage::StoredQueue open_queue(std::uint64_t, storage::Lane) override { return {}; }
  void set_sync(std::uint64_t, std::optional<storage::SyncPolicy>) override {}
  void close_queue(std::uint64_t) override {}
  void remove_queue(std::uint64_t) override {}
  void lent(std::uint64_t, std::uint64_t, std::uint16_t, std::uint16_t,
            const storage::Lease&) override {}
  void returned(std::uint64_t, std::uint64_t, std::uint16_t, std::uint16_t) override {}
  void handed_out(std::uint64_t, std::uint64_t) override {}
  storage::Unmarked unmarked(std::uint64_t) const override { return {}; }
  void queues_known(std::uint64_t) override {}
  void give_up() override { verdict = storage::CommitEnd::kFailed; }
  void flush() override {}
  MonotonicMs seal_due() const override { return kNever; }
  bool behind() const override { return false; }
  bool refuses() const override { return false; }
  std::uint64_t readable_below(std::uint64_t) const override { return 0; }
  void read_ranges(std::uint64_t, std::span<const storage::PositionRange>, std::uint64_t) override {
  }
  void take_read(std::vector<storage::ReadMessages>&) override {}
  void join_unit(std::uint64_t, std::uint32_t) override { ++units; }
  storage::CommitNumber await_staged() override { return touched_ ? sealed_ + 1 : 0; }
  storage::CommitNumber await_everything() override {
    return touched_ ? sealed_ + 1 : told_ == sealed_ ? 0 : sealed_;
  }
  void seal(MonotonicMs) override {
    if (std::exchange(touched_, false)) ++sealed_;
  }
  void take_ended(std::vector<storage::CommitEnd>& ended) override {
    if (held) return;
    for (; told_ != sealed_; ++told_) {
      ended.push_back(first_verdicts.empty() ? verdict : first_verdicts.front());
      if (!first_verdicts.empty()) first_verdicts.pop_front();
    }
  }

  bool held = false;
  storage::CommitEnd verdict = storage::CommitEnd::kDurable;
  std::deque<storage::CommitEnd> first_verdicts;  // of the next ones, before that
  int appended = 0;
  int settled = 0;
  int units = 0;

 private:
  bool touched_ = false;
  storage::CommitNumber sealed_ = 0;
  storage::CommitNumber told_ = 0;
};

/// One user policy of vhost "/", for all queues and exchanges whose name matches.
inline PolicySets policies_of(Fields definition, const std::string& pattern = ".*") {
  auto made = make_policy(
      PolicyAuthor::kUser,
      {.vhost = "/", .name = "p", .pattern = pattern, .definition = std::move(definition)});
  EXPECT_TRUE(made.has_value()) << made.error().text;
  return {{"/", std::make_shared<const PolicySet>(std::vector{*made}, std::vector<Policy>{})}};
}

struct ClusterOptions {
  ControlLimits limits = {};
  std::int64_t memory_limit = INT64_MAX;
  /// One for each shard, instead of scripted ones; they outlive the cluster.
  std::vector<KeepingStore*> stores = {};
  /// Set: what it has is there from the start.
  KeepingMetadata* metadata = nullptr;
  PolicySets policies = {};  // from the start, of what is there then
  WallMs later = 0;          // than others begin
  std::uint64_t first_incarnation = 1;
  std::uint64_t life_before = 0;
};

/// Shards with a vhost "/" and mail between them. Time stands still unless told.
class Cluster {
 public:
  explicit Cluster(ShardIndex count, const ClusterOptions& options = {})
      : keeping_(options.stores) {
    now_.wall += options.later;
    register_fake_codec();
    for (ShardIndex i = 0; i < count; ++i) {
      lines_.push_back(std::make_unique<Line>(*this, i));
      stores_.push_back(std::make_unique<ScriptedStore>());
      ShardOptions one;
      one.index = i;
      one.count = count;
      one.limits = options.limits;
      one.memory_limit = options.memory_limit;
      one.first_incarnation = options.first_incarnation;
      one.life_before = options.life_before;
      storage::MessageStore& store =
          keeping_.empty() ? static_cast<storage::MessageStore&>(*stores_[i]) : *keeping_.at(i);
      storage::MetadataStore& metadata = options.metadata == nullptr
                                             ? static_cast<storage::MetadataStore&>(metadata_)
                                             : *options.metadata;
      shards_.push_back(std::make_unique<Shard>(one, *lines_[i], store, metadata));
    }
    if (options.metadata != nullptr) restore(options.metadata->image(), options.policies);
    if (shard(0).topology().vhost("/") == nullptr) administer(AddVhost{"/", "", {}});
  }

  ShardIndex size() const { return static_cast<ShardIndex>(shards_.size()); }
  Shard& shard(std::size_t index) { return *shards_[index % shards_.size()]; }
  ScriptedStore& store(std::size_t index) { return *stores_[index % stores_.size()]; }
  Now now() const { return now_; }

  /// One turn of one shard, with all the mail it may see.
  bool turn(ShardIndex index) {
    Shard& shard = *shards_[index];
    shard.begin_turn(now_);
    for (ShardIndex from = 0; from < size(); ++from) {
      if (held_.contains({from, index})) continue;
      for (Envelope& envelope : std::exchange(mail_[{from, index}], {})) {
        shard.receive(from, std::move(envelope));
      }
    }
    return shard.finish_turn();
  }
  /// Turns until nobody has anything to do.
  void run() {
    for (bool more = true; more;) {
      more = false;
      for (ShardIndex index = 0; index < size(); ++index) more = turn(index) || more;
      for (auto& [line, waiting] : mail_)
        more = more || (!waiting.empty() && !held_.contains(line));
      for (auto& shard : shards_) more = more || shard->next_timer() <= now_.wall;
      for (const KeepingStore* store : keeping_) more = more || store->has_news();
    }
  }
  void pass(std::int64_t ms) {
    move_clock(ms);
    run();
  }
  /// The same, but nobody has a turn yet.
  void move_clock(std::int64_t ms) {
    now_.monotonic += ms;
    now_.wall += ms;
  }
  /// Mail from one shard to another waits until release().
  void hold(ShardIndex from, ShardIndex to) { held_.insert({from, to}); }
  void release() {
    held_.clear();
    run();
  }

  /// The answer's error text; empty when it was done.
  std::string administer(decltype(ControlRequest::what) what, ShardIndex on = 0) {
    const auto answer = std::make_shared<std::string>("no answer");  // it may come later
    shard(on).administer(std::move(what), [answer](ReplyBody& body) {
      const auto* error = std::get_if<EngineError>(&body);
      *answer = error == nullptr ? "" : error->text;
    });
    run();
    return *answer;
  }

  /// Bytes held in messages, over all shards.
  std::int64_t message_bytes() {
    std::int64_t bytes = 0;
    for (auto& shard : shards_) bytes += shard->meter().bytes;
    return bytes;
  }
  /// Consumers, sessions, links, dying queues, units, dead letters, requests and clients: what
  /// should not be there once everything was closed and deleted.
  std::size_t leftovers() {
    std::size_t sum = 0;
    for (auto& shard : shards_) {
      const Home::Leftovers left = shard->home().leftovers();
      sum += left.consumers + left.sessions + left.links + left.dying_queues + left.units +
             left.dead_letters + left.exchanges + shard->pending_requests() + shard->clients();
    }
    return sum;
  }

 private:
  struct Line final : Outbox {
    Line(Cluster& of, ShardIndex index) : cluster(of), from(index) {}
    void send(ShardIndex to, Envelope envelope) override {
      cluster.mail_[{from, to}].push_back(std::move(envelope));
    }
    Cluster& cluster;
    ShardIndex from;
  };

  void restore(const storage::MetadataImage& image, const PolicySets& policies) {
    auto deltas = shards_[0]->restore(image, policies).value();
    for (std::size_t i = 1; i < shards_.size(); ++i) shards_[i]->restore(deltas);
  }

  Now now_{.monotonic = 1'000'000, .wall = 1'000'000};
  std::map<std::pair<ShardIndex, ShardIndex>, std::deque<Envelope>> mail_;
  std::set<std::pair<ShardIndex, ShardIndex>> held_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<std::unique_ptr<ScriptedStore>> stores_;
  std::vector<KeepingStore*> keeping_;
  storage::MemoryMetadata metadata_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

/// What a test publishes.
struct Post {
  std::string body;
  std::string key = "q";
  std::string exchange = "";
  std::optional<std::int64_t> ttl_ms = std::nullopt;
  bool persistent = false;
  std::optional<std::uint8_t> priority = {};
  Fields headers = {};
  std::optional<std::int64_t> delay_ms = std::nullopt;
};

inline Message* make_message(const Post& post, MemoryMeter& meter) {
  const std::string properties = encode_headers(post.headers);
  Message* message = Message::create({.exchange = post.exchange,
                                      .routing_key = post.key,
                                      .properties = properties,
                                      .body_size = post.body.size(),
                                      .dialect = kFakeDialect,
                                      .priority = post.priority,
                                      .persistent = post.persistent},
                                     meter);
  post.body.copy(message->body_space(), post.body.size());
  if (post.ttl_ms) message->make_extension().ttl = {*post.ttl_ms};
  if (post.delay_ms) message->make_extension().delay_ms = *post.delay_ms;
  return message;
}

/// A connection that notes alarms and the end of its vhost.
class Connected final : public ClientEvents {
 public:
  explicit Connected(Shard& shard, std::string_view vhost = "/") : client(shard, *this, vhost) {}
  void on_alarm(bool on) override { alarms.push_back(on); }
  void on_vhost_removed() override { vhost_removed = true; }

  std::vector<bool> alarms;
  bool vhost_removed = false;
  Client client;
};

/// A channel that notes what it hears. Calls that end with an answer run the cluster until it came,
/// and give its text: "" is well.
class Channeled final : public SessionEvents {
 public:
  struct Delivery {
    std::string body;
    bool redelivered;
    std::uint16_t acquired;
    std::uint16_t failed;
    ConsumerId consumer;
    LeaseNumber lease;
    std::uint64_t bytes;
  };

  Channeled(Cluster& of, Connected& connected)
      : cluster(of), connection(connected), session(connected.client, *this) {}

  // --- SessionEvents ---
  void on_deliveries(const DeliveryRun& run, const DeliveryItem* items) override {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const Message& message = *items[i].message;
      heard.emplace_back(message.body());
      deliveries.push_back({std::string(message.body()), items[i].redelivered, items[i].acquired,
                            items[i].failed, run.consumer, run.first + i, message.footprint()});
      if (reads) connection.client.written(run.consumer, run.first + i, message.footprint());
    }
    unacked += run.count;
    session.set_unacked(unacked);
    if (reads) connection.client.flush();
  }
  void on_publishes_settled() override {
    for (const auto& place : std::exchange(session.publisher().places(), {})) {
      places[place.sequence] = place;
    }
    for (const auto& settled : std::exchange(session.publisher().settled(), {})) {
      confirms[settled.sequence] = settled.rejected ? "nack" : "ack";
    }
  }
  void on_consumer_gone(std::uint32_t handle) override {
    gone.push_back(handle);
    heard.push_back("gone " + std::to_string(handle));
  }
  void on_direct_message(const Message& message) override { replies.emplace_back(message.body()); }

  // --- what a channel does ---
  std::string declare(QueueDeclare what) {
    const Answer answer = no_answer();
    session.declare_queue(std::move(what), [this, answer](EngineResult<QueueState> result) {
      *answer = result ? "" : result.error().text;
      if (result) state = *result;
    });
    cluster.run();
    return *answer;
  }
  std::string declare_exchange(const std::string& name, const std::string& type,
                               Fields arguments = {}, bool auto_delete = false,
                               bool durable = false) {
    return done([&](auto then) {
      session.declare_exchange(
          {vhost(), name, type, durable, auto_delete, false, std::move(arguments)}, then);
    });
  }
  std::string bind(const std::string& source, const std::string& destination,
                   const std::string& key = "", bool to_exchange = false, bool add = true) {
    return done([&](auto then) {
      session.change_binding({.vhost = vhost(),
                              .source = source,
                              .destination = destination,
                              .to_exchange = to_exchange,
                              .key = key,
                              .add = add},
                             then);
    });
  }
  /// Passive: what is there. nullopt: no such queue.
  std::optional<QueueState> look(const std::string& queue) {
    const auto found = std::make_shared<std::optional<QueueState>>();
    session.inspect_queue(queue, [found](EngineResult<QueueState> result) {
      if (result) *found = *result;
    });
    cluster.run();
    return *found;
  }
  std::string remove(const std::string& queue, DeleteQueue how = {}) {
    return counted([&](auto then) { session.delete_queue(queue, how, then); });
  }
  std::string purge(const std::string& queue) {
    return counted([&](auto then) { session.purge_queue(queue, then); });
  }
  /// Publishes without running the shards; the confirm's number.
  std::uint64_t send(const Post& post) {
    Shard& shard = connection.client.shard();
    Exchange& exchange = *shard.topology().exchange(*connection.client.vhost(), post.exchange);
    Message* message = make_message(post, shard.meter());
    const std::uint64_t sequence =
        session.publisher().publish_tracked(message, session.route(exchange, *message));
    session.flush();
    return sequence;
  }
  /// "ack", "nack", or "" while it is not known.
  std::string publish(const Post& post) {
    const std::uint64_t sequence = send(post);
    cluster.run();
    on_publishes_settled();
    return confirms[sequence];
  }
  std::string consume(const std::string& queue, ConsumerOptions options = {},
                      std::uint32_t handle = 0) {
    const Answer answer = no_answer();
    session.consume(queue, handle, options, [this, answer](EngineResult<ConsumerId> result) {
      *answer = result ? "" : result.error().text;
      if (result) consumer = *result;
    });
    cluster.run();
    return *answer;
  }
  void cancel(ConsumerId which) {
    const auto cancelled = std::make_shared<bool>(false);
    session.cancel(which, [cancelled] { *cancelled = true; });
    cluster.run();
    if (!*cancelled) gone.push_back(UINT32_MAX);  // no test expects that
  }
  /// The body; "empty" and "refused: ..." when there is none.
  std::string get(const std::string& queue, bool no_ack = true) {
    const Answer answer = no_answer();
    session.get(queue, no_ack, [this, answer](EngineResult<std::optional<GotMessage>> result) {
      if (!result) {
        *answer = "refused: " + result.error().text;
      } else if (!*result) {
        *answer = "empty";
      } else {
        got = **result;
        *answer = std::string(got->item.message->body());
        connection.client.written(got->consumer, got->lease, got->item.message->footprint());
        connection.client.flush();
      }
    });
    cluster.run();
    return *answer;
  }
  /// Gets what is ready, for good.
  std::vector<std::string> drain(const std::string& queue) {
    std::vector<std::string> bodies;
    for (std::string body = get(queue); body != "empty"; body = get(queue)) {
      bodies.push_back(body);
      if (body.starts_with("refused") || body == "no answer") break;
    }
    return bodies;
  }
  void settle(const Delivery& delivery, Settle how) {
    session.settle(delivery.consumer, delivery.lease, delivery.lease, how);
    session.flush();
    session.set_unacked(--unacked);
    cluster.run();
  }
  void settle_all(Settle how) {
    for (const Delivery& delivery : std::exchange(deliveries, {})) settle(delivery, how);
  }
  /// The bodies since the last call.
  std::vector<std::string> take() {
    std::vector<std::string> bodies;
    for (const Delivery& delivery : deliveries) {
      bodies.push_back(delivery.body + (delivery.redelivered ? " again" : ""));
    }
    deliveries.clear();
    return bodies;
  }
  /// True when the engine let go of it within this run.
  bool close() {
    const auto closed = std::make_shared<bool>(false);
    session.close([closed] { *closed = true; });
    cluster.run();
    return *closed;
  }
  VhostId vhost() { return connection.client.vhost()->id; }

  Cluster& cluster;
  Connected& connection;
  Session session;
  bool reads = true;  // reports deliveries written at once
  std::uint64_t unacked = 0;
  std::vector<Delivery> deliveries;
  std::map<std::uint64_t, std::string> confirms;
  std::map<std::uint64_t, PublishPlace> places;  // if the publisher was told to tell
  std::vector<std::uint32_t> gone;
  std::vector<std::string> heard;  // deliveries' bodies and consumers that went, in order
  std::vector<std::string> replies;
  QueueState state;         // of the last declare
  ConsumerId consumer;      // the last one made
  std::uint64_t count = 0;  // of the last remove or purge
  std::optional<GotMessage> got;

 private:
  /// Shared with the completion: with mail held back that may come after the call.
  using Answer = std::shared_ptr<std::string>;
  static Answer no_answer() { return std::make_shared<std::string>("no answer"); }
  template <class Operation>
  std::string done(Operation operation) {
    const Answer answer = no_answer();
    operation([answer](EngineResult<void> result) { *answer = result ? "" : result.error().text; });
    cluster.run();
    return *answer;
  }
  template <class Operation>
  std::string counted(Operation operation) {
    const Answer answer = no_answer();
    operation([this, answer](EngineResult<std::uint64_t> result) {
      *answer = result ? "" : result.error().text;
      if (result) count = *result;
    });
    cluster.run();
    return *answer;
  }
};

/// A connection with one channel.
struct Peer {
  Peer(Cluster& cluster, std::size_t shard)
      : connection(cluster.shard(shard)), channel(cluster, connection) {}
  /// The connection's end, after its channel's.
  bool close() {
    if (!channel.session.closing() && !channel.close()) return false;
    const auto closed = std::make_shared<bool>(false);
    connection.client.close([closed] { *closed = true; });
    channel.cluster.run();
    return *closed;
  }
  Channeled* operator->() { return &channel; }

  Connected connection;
  Channeled channel;
};

/// All queues and exchanges of vhost "/" that clients have made.
inline void delete_everything(Cluster& cluster) {
  Peer cleaner(cluster, 0);
  const Vhost& vhost = *cleaner.connection.client.vhost();
  std::vector<std::string> queues;
  for (const auto& [name, entry] : vhost.queues) queues.push_back(name);
  std::vector<std::string> exchanges;
  for (const auto& [name, exchange] : vhost.exchanges) exchanges.push_back(name);
  for (const std::string& name : queues) EXPECT_EQ(cleaner->remove(name), "") << name;
  for (const std::string& name : exchanges) {
    if (name.empty() || name.starts_with("amq.")) continue;
    cleaner->session.delete_exchange({vhost.id, name, false}, [](EngineResult<void>) {});
  }
  EXPECT_TRUE(cleaner.close());
}

}  // namespace polymq::engine
