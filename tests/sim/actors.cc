// Clients, their sockets, and the choice of what a channel does next.
#include "actors.h"

#include <algorithm>

#include "world.h"

namespace polymq::sim {

using engine::EngineError;
using engine::QueueEntry;

// --- ClientActor --------------------------------------------------------------------------------

ClientActor::ClientActor(World& world, engine::Shard& shard, std::string vhost)
    : world_(world), client_(shard, *this, vhost), alarm_(shard.alarm()) {
  world_.log().add("client %lx opens on shard %u for %s", client_.id().value, shard.self(),
                   vhost.c_str());
}

ChannelActor& ClientActor::open_channel() {
  channels_.push_back(std::make_unique<ChannelActor>(*this, next_channel_++));
  return *channels_.back();
}

const ChannelActor* ClientActor::find_channel(engine::SessionId id) const {
  const auto known = std::find_if(channels_.begin(), channels_.end(),
                                  [&](const auto& channel) { return channel->id() == id; });
  return known == channels_.end() ? nullptr : known->get();
}

void ClientActor::act() {
  if (closing_) return;
  if (world_.random().below(400) < world_.workload().weights.close_client) return close();
  if (channels_.empty() || (channels_.size() < 3 && world_.random().chance(5))) open_channel();
  ChannelActor& channel = *channels_[world_.random().below(channels_.size())];
  acting_ = true;
  channel.act();
  acting_ = false;
  for (const auto& open : channels_) {
    if (!open->closing()) open->flush();
  }
  client_.flush();
}

void ClientActor::handed_over(ChannelActor& channel, std::uint64_t tag, engine::ShardIndex home,
                              std::size_t bytes, bool windowed) {
  if (windowed && window_[home] >= engine::Link::kWindowBytes) {
    violated("(e) client %lx was handed %zu bytes beyond a full window", client_.id().value, bytes);
  }
  window_[home] += bytes;
  output_.push_back({&channel, tag, home, bytes});
}

void ClientActor::report(const Output& output, bool dropped) {
  window_[output.home] -= output.bytes;
  output.channel->reported(output.tag, dropped);
}

void ClientActor::write(bool all) {
  Random& random = world_.random();
  std::size_t writes = all ? output_.size() : random.below(output_.size() + 1);
  for (; writes != 0; --writes) {
    output_.front().channel->sent(output_.front().tag);
    unreported_.push_back(output_.front());
    output_.pop_front();
  }
  // The engine is told of longer pieces of output at once, so that an answer may overtake the
  // report.
  std::size_t reports =
      all || random.chance(70) ? unreported_.size() : random.below(unreported_.size() + 1);
  for (; reports != 0; --reports) {
    const Output output = unreported_.front();
    unreported_.pop_front();
    report(output, false);
  }
  client_.flush();
}

void ClientActor::forget_output(ChannelActor& channel) {
  // An orderly end counts all that was encoded as written; a dead socket tells what was dropped.
  const bool orderly = world_.random().chance(50);
  for (std::deque<Output>* from : {&unreported_, &output_}) {
    std::deque<Output> kept;
    for (const Output& output : *from) {
      if (output.channel == &channel) {
        report(output, from == &output_ && !orderly);
      } else {
        kept.push_back(output);
      }
    }
    from->swap(kept);
  }
  client_.flush();
}

void ClientActor::close() {
  if (closing_) return;
  closing_ = true;
  world_.log().add("client %lx closes", client_.id().value);
  world_.model().owner_ends(client_.id());
  std::vector<ChannelActor*> open;
  for (const auto& channel : channels_) open.push_back(channel.get());
  for (ChannelActor* channel : open) channel->close();
  client_.close([this] {
    if (finished_) violated("(f) client %lx closed twice", client_.id().value);
    finished_ = true;
    world_.log().add("client %lx is closed", client_.id().value);
    for (engine::ShardIndex shard = 0; shard < world_.shard_count(); ++shard) {
      for (const auto& [name, vhost] : world_.shard(shard).topology().vhosts()) {
        for (const auto& [queue, entry] : vhost->queues) {
          if (entry->owner == client_.id()) {
            violated("(h) client %lx is closed, but shard %u still knows its exclusive queue %s",
                     client_.id().value, shard, queue.c_str());
          }
        }
      }
    }
  });
}

void ClientActor::vanish() {
  std::vector<ChannelActor*> all;
  for (const auto& channel : channels_) all.push_back(channel.get());
  for (std::deque<Output>* from : {&unreported_, &output_}) {
    for (const Output& output : std::exchange(*from, {})) report(output, true);
  }
  client_.flush();
  for (ChannelActor* channel : all) channel->vanish();
  if (closing_) return;
  closing_ = true;
  client_.close([this] { finished_ = true; });
}

void ClientActor::channel_closed(ChannelActor& channel) {
  // A dialect may destroy it at once, from within the engine's call, or keep it until later.
  if (acting_ || !world_.random().chance(50)) return;
  std::erase_if(channels_, [&](const auto& one) { return one.get() == &channel; });
}

bool ClientActor::busy() const {
  return (closing_ && !finished_) || !output_.empty() || !unreported_.empty() ||
         std::any_of(channels_.begin(), channels_.end(),
                     [](const auto& channel) { return channel->busy() || channel->asks_aside(); });
}

bool ClientActor::receives() const {
  return std::any_of(channels_.begin(), channels_.end(),
                     [](const auto& channel) { return channel->receives(); });
}

void ClientActor::check_quiet() const {
  if (closing_ && !finished_) violated("(j) client %lx does not end", client_.id().value);
  if (!closing_ && alarm_ != world_.shard(client_.id().shard()).alarm()) {
    violated("(f) client %lx was not told of the alarm (%d)", client_.id().value, !alarm_);
  }
  for (const auto& channel : channels_) channel->check_quiet();
}

void ClientActor::on_alarm(bool on) {
  world_.log().add("client %lx: alarm %d", client_.id().value, on);
  if (on == alarm_) violated("(f) client %lx is told of the alarm twice", client_.id().value);
  alarm_ = on;
}

void ClientActor::on_vhost_removed() { close(); }

// --- ChannelActor -------------------------------------------------------------------------------

ChannelActor::ChannelActor(ClientActor& client, unsigned number)
    : client_(client), world_(client.world()), session_(client.client(), *this), number_(number) {
  const unsigned dice = static_cast<unsigned>(world_.random().below(100));
  const Workload& workload = world_.workload();
  if (world_.winding_down()) return;
  if (workload.receives()) session_.publisher().tell_places();
  if (dice < workload.transaction_percent) {
    mode_ = Mode::kTransaction;
  } else if (dice < workload.transaction_percent + workload.confirm_percent) {
    mode_ = Mode::kConfirm;
    becomes_confirm_ = world_.random().chance(30);
  }
  if (world_.random().chance(workload.shared_prefetch_percent)) {
    shared_limit_ = static_cast<std::uint32_t>(world_.random().between(1, 5));
    shared_checked_ = true;
    session_.set_shared_prefetch(shared_limit_);
  }
}

std::shared_ptr<Operation> ChannelActor::begin(std::string what) {
  world_.log().add("channel %lx: %s", session_.id().value, what.c_str());
  operation_ = std::make_shared<Operation>(Operation{std::move(what)});
  return operation_;
}

void ChannelActor::end(const std::shared_ptr<Operation>& operation) {
  if (operation->dropped) {
    violated("(f) '%s' is answered after its channel closed", operation->what.c_str());
  }
  if (operation->finished) violated("(f) '%s' is answered twice", operation->what.c_str());
  operation->finished = true;
  if (operation_ == operation) operation_.reset();
  std::erase(asides_, operation);
  world_.log().add("channel %lx: done: %s", session_.id().value, operation->what.c_str());
}

bool ChannelActor::refused(const EngineError& error) {
  world_.log().add("channel %lx: refused: %s", session_.id().value, error.text.c_str());
  if (world_.winding_down() || !world_.random().chance(30)) return false;
  close();
  return true;
}

QueueEntry* ChannelActor::find_queue(const std::string& name) {
  engine::Vhost* vhost = client_.client().vhost();
  return vhost == nullptr ? nullptr : client_.client().shard().topology().queue(*vhost, name);
}

void ChannelActor::check_quiet() const {
  if (operation_ && !operation_->finished) {
    violated("(j) channel %lx: '%s' is never answered", session_.id().value,
             operation_->what.c_str());
  }
  if (!closing_) check_polls();
  if (!closing_ && !unconfirmed_.empty()) {
    violated("(f) channel %lx: message %lu is never confirmed", session_.id().value,
             unconfirmed_.begin()->second);
  }
}

void ChannelActor::act() {
  Random& random = world_.random();
  for (std::uint64_t actions = random.between(1, 4); actions != 0; --actions) {
    if (closing_) return;
    // Perhaps in the middle of an operation: a timeout or a broken rule ends a channel at any time.
    if (random.below(300) < world_.workload().weights.close_session) return close();
    if (busy()) return;
    take_action();
    if (random.chance(30)) return;
  }
}

void ChannelActor::take_action() {
  const Weights& weights = world_.workload().weights;
  struct Choice {
    unsigned weight;
    void (ChannelActor::*action)();
  };
  const bool transactional = mode_ == Mode::kTransaction;
  const bool reads = world_.reads_sockets(client_.client().shard().self());
  const Choice choices[] = {
      {reads ? weights.publish : 0, &ChannelActor::publish},
      {weights.settle, &ChannelActor::settle},
      {weights.consume, &ChannelActor::consume},
      {weights.cancel, &ChannelActor::cancel},
      {weights.qos, &ChannelActor::set_qos},
      {transactional ? weights.commit : 0, &ChannelActor::commit},
      {transactional ? weights.rollback : 0, &ChannelActor::rollback},
      {weights.direct, &ChannelActor::direct},
      {weights.declare, &ChannelActor::declare},
      {weights.remove, &ChannelActor::remove},
      {weights.purge, &ChannelActor::purge},
      {weights.inspect, &ChannelActor::inspect},
      {weights.exchange, &ChannelActor::change_exchange},
      {weights.history, &ChannelActor::bind_history},
      {weights.receive, &ChannelActor::receive},
      {weights.abandon, &ChannelActor::abandon},
      {weights.erase, &ChannelActor::erase},
      {weights.extend, &ChannelActor::extend},
      {weights.order, &ChannelActor::order_move},
      {weights.change, &ChannelActor::change_arguments},
  };
  unsigned total = weights.get + weights.bind + weights.unbind;
  for (const Choice& choice : choices) total += choice.weight;
  auto dice = static_cast<unsigned>(world_.random().below(total));
  for (const Choice& choice : choices) {
    if (dice < choice.weight) return (this->*choice.action)();
    dice -= choice.weight;
  }
  if (dice < weights.get) {
    return get(world_.random().pick(world_.queue_names()), world_.random().chance(40), nullptr);
  }
  change_binding(dice - weights.get < weights.bind);
}

// May destroy this channel.
void ChannelActor::close() {
  if (closing_) return;
  closing_ = true;
  world_.log().add("channel %lx closes with %zu held", session_.id().value, held_.size());
  if (operation_) std::exchange(operation_, nullptr)->dropped = true;
  for (const engine::QueueId queue : used_) world_.model().disorder_begins(queue);
  for (const Consumer& consumer : consumers_) world_.leaves(consumer.queue, consumer.id);
  for (const auto& aside : std::exchange(asides_, {})) aside->dropped = true;
  client_.forget_output(*this);
  return_held();
  leave_polls();
  rollback();
  for (const auto& [sequence, id] : unconfirmed_) world_.model().unconfirmed(id);
  session_.close([this] {
    for (const engine::QueueId queue : used_) world_.model().disorder_ends(queue);
    if (purging_ != 0) world_.model().purged(purging_);
    forget_polls();
    world_.log().add("channel %lx is closed", session_.id().value);
    client_.channel_closed(*this);
  });
}

void ChannelActor::vanish() {
  if (purging_ != 0) world_.model().purged(std::exchange(purging_, 0));
  for (const auto& requests : std::exchange(requests_, {})) {
    for (const TokenRequest& request : *requests) world_.model().never_answered(request);
  }
  polls_.clear();
  if (closing_) return;
  closing_ = true;
  if (operation_) std::exchange(operation_, nullptr)->dropped = true;
  for (const auto& aside : std::exchange(asides_, {})) aside->dropped = true;
  rollback();
  answers_.clear();
  held_.clear();
  lent_.clear();
  session_.close([this] { client_.channel_closed(*this); });
}

}  // namespace polymq::sim
