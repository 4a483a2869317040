// Promises of exchanges with state, on whole shards that pass each other mail.
#include "engine/stateful_exchanges.h"

#include <gmock/gmock.h>

#include <deque>
#include <map>
#include <set>

#include "engine/shard.h"
#include "engine/testing/fake_properties.h"
#include "storage/memory_metadata.h"
#include "storage/memory_store.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A connection with one channel, that gets what it asks for.
class Peer final : public ClientEvents, public SessionEvents {
 public:
  explicit Peer(Shard& shard) : client(shard, *this, "/"), session(client, *this) {}

  void on_alarm(bool) override {}
  void on_vhost_removed() override {}
  void on_deliveries(const DeliveryRun&, const DeliveryItem*) override {}
  void on_publishes_settled() override {
    for (const auto& settled : std::exchange(session.publisher().settled(), {})) {
      answers[settled.sequence] = settled.rejected ? "nack" : "ack";
    }
  }
  void on_consumer_gone(std::uint32_t) override {}
  void on_direct_message(const Message&) override {}

  Client client;
  Session session;
  std::map<std::uint64_t, std::string> answers;
};

struct Post {
  std::string body;
  Fields headers = {};
  std::string key = "k";
};

/// Shards and a peer on each; time stands still unless told.
class StatefulExchangesOn : public testing::TestWithParam<ShardIndex> {
 protected:
  StatefulExchangesOn() {
    register_fake_codec();
    for (ShardIndex i = 0; i < GetParam(); ++i) {
      lines_.push_back(std::make_unique<Line>(Line{*this, i}));
      stores_.push_back(std::make_unique<storage::MemoryStore>());
      ShardOptions options;
      options.index = i;
      options.count = GetParam();
      shards_.push_back(std::make_unique<Shard>(options, *lines_[i], *stores_[i], metadata_));
    }
    shards_[0]->administer(AddVhost{"/", "", {}}, [](ReplyBody&) {});
    run();
    for (auto& shard : shards_) peers_.push_back(std::make_unique<Peer>(*shard));
  }
  ~StatefulExchangesOn() override {
    for (const std::string& name : exchanges_) remove_exchange(name);
    for (const std::string& name : queues_) {
      peers_[0]->session.delete_queue(name, {}, [](EngineResult<std::uint64_t>) {});
      run();
    }
    for (auto& peer : peers_) {
      bool closed = false;
      peer->session.close([&] { closed = true; });
      run();
      peer->client.close([] {});
      run();
      EXPECT_TRUE(closed);
    }
    peers_.clear();
    std::int64_t bytes = 0;
    for (auto& shard : shards_) {
      bytes += shard->meter().bytes;
      EXPECT_EQ(shard->home().leftovers().exchanges, 0u);
      EXPECT_EQ(shard->home().leftovers().dying_queues, 0u);
    }
    EXPECT_EQ(bytes, 0) << "messages that nobody freed";
  }

  struct Line final : Outbox {
    Line(StatefulExchangesOn& of, ShardIndex index) : cluster(of), from(index) {}
    void send(ShardIndex to, Envelope envelope) override {
      cluster.mail_[{from, to}].push_back(std::move(envelope));
    }
    StatefulExchangesOn& cluster;
    ShardIndex from;
  };

  // Turns until nobody has anything to do.
  void run() {
    bool more = true;
    while (more) {
      more = false;
      for (ShardIndex to = 0; to < shards_.size(); ++to) {
        shards_[to]->begin_turn({.monotonic = now_, .wall = now_});
        for (ShardIndex from = 0; from < shards_.size(); ++from) {
          for (Envelope& envelope : std::exchange(mail_[{from, to}], {})) {
            shards_[to]->receive(from, std::move(envelope));
          }
        }
        more = shards_[to]->finish_turn() || more;
      }
      for (auto& [line, waiting] : mail_) more = more || !waiting.empty();
      for (auto& shard : shards_) more = more || shard->next_timer() <= now_;
    }
  }
  void pass(std::int64_t ms) {
    now_ += ms;
    run();
  }

  Peer& peer(std::size_t shard) { return *peers_[shard % peers_.size()]; }
  Session& session(std::size_t shard) { return peer(shard).session; }
  VhostId vhost() { return peer(0).client.vhost()->id; }

  std::string declare_exchange(const std::string& name, const std::string& type,
                               const Fields& arguments, std::size_t shard = 1) {
    std::string refusal;
    session(shard).declare_exchange(
        {vhost(), name, type, false, false, false, arguments},
        [&](EngineResult<void> result) { refusal = result ? "" : result.error().text; });
    run();
    if (refusal.empty()) exchanges_.insert(name);
    return refusal;
  }
  void remove_exchange(const std::string& name) {
    session(0).delete_exchange({vhost(), name, false}, [](EngineResult<void>) {});
    run();
  }
  void declare_queue(const std::string& name, const Fields& arguments = {}, std::size_t shard = 0) {
    bool ok = false;
    session(shard).declare_queue({.name = name, .arguments = arguments},
                                 [&](EngineResult<QueueState> result) { ok = result.has_value(); });
    run();
    ASSERT_TRUE(ok);
    queues_.insert(name);
  }
  void bind(const std::string& source, const std::string& destination, const std::string& key = "k",
            bool to_exchange = false) {
    bool ok = false;
    session(0).change_binding({.vhost = vhost(),
                               .source = source,
                               .destination = destination,
                               .to_exchange = to_exchange,
                               .key = key},
                              [&](EngineResult<void> result) { ok = result.has_value(); });
    run();
    ASSERT_TRUE(ok);
  }

  Message* make(Shard& shard, const std::string& exchange, const Post& post) {
    Message* message = Message::create({.exchange = exchange,
                                        .routing_key = post.key,
                                        .properties = encode_headers(post.headers),
                                        .body_size = post.body.size(),
                                        .dialect = kFakeDialect},
                                       shard.meter());
    post.body.copy(message->body_space(), post.body.size());
    return message;
  }
  /// Publishes without running the shards. Returns the confirm's number.
  std::uint64_t send(const std::string& exchange, const Post& post, std::size_t from = 0) {
    Peer& peer = this->peer(from);
    Exchange& entry = *peer.client.shard().topology().exchange(*peer.client.vhost(), exchange);
    Message* message = make(peer.client.shard(), exchange, post);
    const auto targets = peer.session.route(entry, *message);
    unroutable_ = peer.session.unroutable(entry, *message, targets);
    const std::uint64_t sequence = peer.session.publisher().publish_tracked(message, targets);
    peer.session.flush();
    return sequence;
  }
  /// "ack", "nack", or "" while nothing is known.
  std::string publish(const std::string& exchange, const Post& post, std::size_t from = 0) {
    const std::uint64_t sequence = send(exchange, post, from);
    run();
    peer(from).on_publishes_settled();
    return peer(from).answers[sequence];
  }
  std::vector<std::string> get_all(const std::string& queue) {
    std::vector<std::string> bodies;
    for (bool more = true; more;) {
      more = false;
      session(0).get(queue, true, [&](EngineResult<std::optional<GotMessage>> result) {
        if (!result || !*result) return;
        const GotMessage& got = **result;
        bodies.emplace_back(got.item.message->body());
        properties_ = got.item.message->properties();
        peer(0).client.written(got.consumer, got.lease, got.item.message->footprint());
        peer(0).client.flush();
        more = true;
      });
      run();
    }
    return bodies;
  }
  std::size_t pending() {
    std::size_t sum = 0;
    for (auto& shard : shards_) sum += shard->home().leftovers().exchanges;
    return sum;
  }

  WallMs now_ = 1'000'000;
  std::map<std::pair<ShardIndex, ShardIndex>, std::deque<Envelope>> mail_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<std::unique_ptr<storage::MemoryStore>> stores_;
  storage::MemoryMetadata metadata_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::set<std::string> exchanges_;
  std::set<std::string> queues_;
  bool unroutable_ = false;
  std::string properties_;  // of the last message got
};

INSTANTIATE_TEST_SUITE_P(Shards, StatefulExchangesOn,
                         testing::Values(ShardIndex{1}, ShardIndex{2}, ShardIndex{3}));

Fields delay(std::int64_t ms) { return {{"x-delay", Value::integer(ms)}}; }
Fields inner(const char* type) { return {{"x-delayed-type", Value::string(type)}}; }
Fields deduplicating() { return {{"x-message-deduplication", Value::boolean(true)}}; }
Fields id(const char* text) { return {{"x-deduplication-header", Value::string(text)}}; }

TEST_P(StatefulExchangesOn, ADelayedMessageIsConfirmedAtOnceAndRoutedWhenDue) {
  declare_exchange("x", "x-delayed-message", inner("topic"));
  declare_queue("q");
  bind("x", "q", "a.*");
  EXPECT_EQ(publish("x", {"later", delay(300), "a.b"}), "ack");
  EXPECT_EQ(publish("x", {"elsewhere", delay(300), "b.b"}), "ack");
  pass(299);
  EXPECT_THAT(get_all("q"), IsEmpty());
  pass(1);
  EXPECT_THAT(get_all("q"), ElementsAre("later"));
  EXPECT_EQ(properties_, "x-delay=i:-300;");
}

TEST_P(StatefulExchangesOn, DueTimeDecidesTheOrderWhoeverSent) {
  declare_exchange("x", "x-delayed-message", inner("fanout"));
  declare_queue("q");
  bind("x", "q");
  publish("x", {"c", delay(300)}, 0);
  publish("x", {"a", delay(100)}, 1);
  publish("x", {"b", delay(200)}, 2);
  publish("x", {"now", {}}, 1);
  pass(1000);
  EXPECT_THAT(get_all("q"), ElementsAre("now", "a", "b", "c"));
}

TEST_P(StatefulExchangesOn, ManyMessagesDueAtOnceKeepTheirOrder) {
  declare_exchange("x", "x-delayed-message", inner("fanout"));
  declare_queue("q");
  bind("x", "q");
  std::vector<std::string> all;
  for (int i = 0; i < 2 * static_cast<int>(StatefulExchanges::kMostPerSlice) + 1; ++i) {
    all.push_back(std::to_string(i));
    send("x", {all.back(), delay(100)});
  }
  run();
  pass(100);
  EXPECT_EQ(get_all("q"), all);
}

TEST_P(StatefulExchangesOn, AHeldMessageOutlivesItsQueuesButNotItsExchange) {
  declare_exchange("x", "x-delayed-message", inner("fanout"));
  declare_queue("old");
  bind("x", "old");
  publish("x", {"m", delay(100)});
  session(0).delete_queue("old", {}, [](EngineResult<std::uint64_t>) {});
  run();
  declare_queue("new");
  bind("x", "new");
  pass(100);
  EXPECT_THAT(get_all("new"), ElementsAre("m"));

  publish("x", {"dropped", delay(100)});
  EXPECT_EQ(pending(), 1u);
  remove_exchange("x");
  pass(100);
  EXPECT_EQ(pending(), 0u);
  EXPECT_THAT(get_all("new"), IsEmpty());
}

TEST_P(StatefulExchangesOn, AHistoryComesToNewBindingsBeforeWhatIsNew) {
  declare_exchange("x", "x-recent-history", {{"x-recent-history-length", Value::integer(2)}});
  declare_queue("early");
  bind("x", "early");
  for (const char* body : {"1", "2", "3"}) EXPECT_EQ(publish("x", {body}), "ack");
  EXPECT_THAT(get_all("early"), ElementsAre("1", "2", "3"));

  declare_queue("late", {}, 2);
  bind("x", "late");
  publish("x", {"4"});
  EXPECT_THAT(get_all("late"), ElementsAre("2", "3", "4"));
  EXPECT_THAT(get_all("early"), ElementsAre("4"));
}

TEST_P(StatefulExchangesOn, AMessageThatMeetsABindingOnItsWayComesExactlyOnce) {
  declare_exchange("x", "x-recent-history", {});
  declare_queue("q", {}, 2);
  publish("x", {"1"});
  session(0).change_binding({.vhost = vhost(), .source = "x", .destination = "q", .key = "k"},
                            [](EngineResult<void>) {});
  send("x", {"2"}, 1);
  send("x", {"3"}, 2);
  run();
  EXPECT_THAT(get_all("q"), testing::UnorderedElementsAre("1", "2", "3"));
}

TEST_P(StatefulExchangesOn, AHistoryPassesThroughABoundExchange) {
  declare_exchange("x", "x-recent-history", {});
  publish("x", {"1", {}, "a"});
  publish("x", {"2", {}, "b"});
  declare_exchange("next", "direct", {});
  declare_queue("q");
  bind("next", "q", "b");
  bind("x", "next", "", true);
  EXPECT_THAT(get_all("q"), ElementsAre("2"));
}

TEST_P(StatefulExchangesOn, ADuplicateIsDroppedAndConfirmed) {
  for (const auto& [name, type, arguments] :
       {std::tuple{"by argument", "direct", deduplicating()},
        std::tuple{"by type", "x-message-deduplication", Fields{}}}) {
    const std::string queue = std::string("q ") + name;
    declare_exchange(name, type, arguments);
    declare_queue(queue);
    bind(name, queue);
    EXPECT_EQ(publish(name, {"1", id("a")}, 0), "ack");
    EXPECT_EQ(publish(name, {"2", id("a")}, 1), "ack");
    EXPECT_EQ(publish(name, {"3", id("b")}, 2), "ack");
    EXPECT_EQ(publish(name, {"4", {}}), "ack");
    EXPECT_EQ(publish(name, {"5", {}}), "ack");
    EXPECT_THAT(get_all(queue), ElementsAre("1", "3", "4", "5"));
  }
}

TEST_P(StatefulExchangesOn, WrongDeduplicationArgumentsAreRefused) {
  Fields arguments = deduplicating();
  arguments.push_back({"x-cache-size", Value::integer(0)});
  peers_.push_back(std::make_unique<Peer>(*shards_[0]));  // its session ends with the refusal
  EXPECT_EQ(declare_exchange("x", "direct", arguments, peers_.size() - 1),
            "Invalid argument 0, 'x-cache-size' must be a positive integer");
  EXPECT_EQ(declare_exchange("x", "direct", {{"x-cache-size", Value::integer(0)}}, 0), "");
}

TEST_P(StatefulExchangesOn,
       ARefusalByAQueueReachesThePublisherThroughTheExchangeWhichForgetsTheId) {
  declare_exchange("x", "fanout", deduplicating());
  declare_queue("full", {{"x-max-length", Value::integer(1)},
                         {"x-overflow", Value::string("reject-publish")}});
  declare_queue("wide", {}, 2);
  bind("x", "full");
  bind("x", "wide");
  EXPECT_EQ(publish("x", {"1", id("a")}, 1), "ack");
  EXPECT_EQ(publish("x", {"2", id("b")}, 1), "nack");
  EXPECT_THAT(get_all("full"), ElementsAre("1"));
  EXPECT_EQ(publish("x", {"2 again", id("b")}, 1), "ack");
  EXPECT_THAT(get_all("full"), ElementsAre("2 again"));
}

class StatefulExchangesOnThreeShards : public StatefulExchangesOn {};
INSTANTIATE_TEST_SUITE_P(Shards, StatefulExchangesOnThreeShards, testing::Values(ShardIndex{3}));

TEST_P(StatefulExchangesOnThreeShards, TheConfirmWaitsForTheQueueBehindTheExchange) {
  declare_exchange("x", "x-recent-history", {}, 1);
  declare_queue("q", {}, 2);
  bind("x", "q");
  const std::uint64_t sequence = send("x", {"m"}, 0);
  const auto step = [&](ShardIndex shard) {
    shards_[shard]->begin_turn({.monotonic = now_, .wall = now_});
    for (ShardIndex from = 0; from < 3; ++from) {
      for (Envelope& one : std::exchange(mail_[{from, shard}], {})) {
        shards_[shard]->receive(from, std::move(one));
      }
    }
    shards_[shard]->finish_turn();
  };
  step(1);
  step(0);
  peer(0).on_publishes_settled();
  EXPECT_EQ(peer(0).answers.count(sequence), 0u);
  step(2);
  step(1);
  step(0);
  peer(0).on_publishes_settled();
  EXPECT_EQ(peer(0).answers[sequence], "ack");
  EXPECT_THAT(get_all("q"), ElementsAre("m"));
}

TEST_P(StatefulExchangesOn, StatesApplyBehindBindingsAndAlternateExchanges) {
  declare_exchange("delayed", "x-delayed-message", inner("fanout"));
  declare_exchange("plain", "direct", {{"alternate-exchange", Value::string("delayed")}});
  declare_exchange("front", "fanout", {});
  bind("front", "plain", "", true);
  declare_queue("q", {}, 1);
  bind("delayed", "q");
  EXPECT_EQ(publish("front", {"m", delay(50)}), "ack");
  EXPECT_THAT(get_all("q"), IsEmpty());
  pass(50);
  EXPECT_THAT(get_all("q"), ElementsAre("m"));
}

TEST_P(StatefulExchangesOn, CyclesThroughStatesEndAndReachEachQueueOnce) {
  declare_exchange("a", "x-recent-history", {}, 0);
  declare_exchange("b", "fanout", deduplicating(), 1);
  declare_exchange("c", "fanout", {});
  bind("a", "b", "", true);
  bind("b", "c", "", true);
  bind("c", "a", "", true);
  declare_queue("q", {}, 2);
  for (const char* exchange : {"a", "b", "c"}) bind(exchange, "q");
  for (const char* exchange : {"a", "b", "c"}) {
    EXPECT_EQ(publish(exchange, {exchange}), "ack");
    EXPECT_THAT(get_all("q"), ElementsAre(exchange));
  }
}

TEST_P(StatefulExchangesOn, ACycleOfStatesOnlyRemembersAMessageOnce) {
  declare_exchange("a", "x-recent-history", {}, 0);
  declare_exchange("b", "fanout", deduplicating(), 1);
  bind("a", "b", "", true);
  bind("b", "a", "", true);
  EXPECT_EQ(publish("a", {"m"}), "ack");
  declare_queue("q");
  bind("a", "q");
  EXPECT_THAT(get_all("q"), ElementsAre("m"));
}

TEST_P(StatefulExchangesOn, MandatoryLooksThroughStatesButNotAtHeldMessages) {
  declare_exchange("history", "x-recent-history", {});
  declare_exchange("delayed", "x-delayed-message", inner("direct"));
  publish("history", {"m"});
  EXPECT_TRUE(unroutable_);
  publish("delayed", {"m"});
  EXPECT_TRUE(unroutable_);
  publish("delayed", {"m", delay(10)});
  EXPECT_FALSE(unroutable_);
  declare_queue("q");
  bind("history", "q");
  publish("history", {"m"});
  EXPECT_FALSE(unroutable_);
}

TEST_P(StatefulExchangesOn, DeadLettersGoThroughStates) {
  declare_exchange("later", "x-delayed-message", inner("direct"));
  declare_queue("work", {{"x-message-ttl", Value::integer(10)},
                         {"x-dead-letter-exchange", Value::string("later")},
                         {"x-dead-letter-routing-key", Value::string("dead")}});
  declare_queue("dead", {}, 1);
  bind("later", "dead", "dead");
  publish("", {"m", delay(500), "work"});
  pass(10);
  EXPECT_THAT(get_all("dead"), IsEmpty());
  pass(500);
  EXPECT_THAT(get_all("dead"), ElementsAre("m"));
}

TEST_P(StatefulExchangesOn, AnAutomaticDeadLetterCycleThroughAHistoryIsCut) {
  declare_exchange("history", "x-recent-history", {});
  declare_queue("q", {{"x-message-ttl", Value::integer(10)},
                      {"x-dead-letter-exchange", Value::string("history")}});
  bind("history", "q");
  publish("", {"m", {}, "q"});
  pass(10);
  pass(10);
  EXPECT_THAT(get_all("q"), IsEmpty());
}

TEST_P(StatefulExchangesOn, ATransactionTellsOfARefusalBehindAnExchange) {
  declare_exchange("x", "fanout", deduplicating());
  declare_queue(
      "full",
      {{"x-max-length", Value::integer(1)}, {"x-overflow", Value::string("reject-publish")}}, 2);
  bind("x", "full");
  const auto commit = [&](const Post& post) {
    Peer& peer = this->peer(1);
    Exchange& entry = *peer.client.shard().topology().exchange(*peer.client.vhost(), "x");
    Session::TransactionPublish publish{make(peer.client.shard(), "x", post), {}};
    for (const Target* target : peer.session.route(entry, *publish.message)) {
      publish.targets.emplace_back(target->home, target->id);
    }
    std::optional<bool> ok;
    std::vector<Session::TransactionPublish> publishes;
    publishes.push_back(std::move(publish));
    peer.session.commit(std::move(publishes), {}, [&](bool done) { ok = done; });
    run();
    return ok;
  };
  EXPECT_EQ(commit({"1", id("a")}), true);
  EXPECT_EQ(commit({"2", id("a")}), true);
  EXPECT_EQ(commit({"3", id("b")}), false);
  EXPECT_THAT(get_all("full"), ElementsAre("1"));
}

}  // namespace
}  // namespace polymq::engine
