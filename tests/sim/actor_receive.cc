// Channels that receive without consumers: they ask for some messages at once, may go away while
// they wait, and delete or keep what they were sent by its tokens.
#include <algorithm>

#include "actors.h"
#include "world.h"

namespace polymq::sim {

using engine::EngineResult;
using engine::Freshness;
using engine::QueueEntry;
using engine::TokenEnd;

namespace {

constexpr std::int64_t kLongestLeaseMs = 43'200'000;
constexpr std::size_t kMostPolls = 3;
/// Of clients that ask once more.
constexpr std::uint64_t kAttempts = 4;

}  // namespace

// --- receives -----------------------------------------------------------------------------------

void ChannelActor::receive() {
  static constexpr std::int64_t kWaits[] = {0, 0, 5, 40, 200, 20'000};
  static constexpr std::int64_t kLeases[] = {0,   3,     20,     20,     20,
                                             200, 2'000, 30'000, 30'000, kLongestLeaseMs};
  static constexpr std::uint32_t kMost[] = {1, 1, 3, 10};
  Random& random = world_.random();
  if (polls_.size() >= kMostPolls) return;
  const std::string name = random.pick(world_.queue_names());
  const QueueEntry* entry = find_queue(name);
  if (entry == nullptr) return;
  world_.model().queue_seen(*entry);
  used_.insert(entry->id);
  const std::uint64_t number = next_poll_++;
  Poll& poll = polls_[number];
  poll.queue = name;
  poll.options = {
      .most = random.pick(kMost), .wait_ms = random.pick(kWaits), .lease_ms = random.pick(kLeases)};
  if (random.chance(10)) poll.options.most_leased = random.between(1, 8);
  poll.asked = {.queue = entry->id, .lease_ms = poll.options.lease_ms};
  if (kind_of(name).grouped && random.chance(world_.workload().attempt_percent)) {
    poll.asked.attempt = std::to_string(random.below(kAttempts));
    poll.options.attempt = engine::DeduplicationKey::of("", poll.asked.attempt);
  }
  world_.model().poll_begins(poll.asked);
  world_.log().add("channel %lx: receives %u from %s in %ld ms for %ld ms, attempt '%s' (%lu)",
                   session_.id().value, poll.options.most, name.c_str(), poll.options.wait_ms,
                   poll.options.lease_ms, poll.asked.attempt.c_str(), number);
  poll.request = session_.receive(
      name, poll.options,
      [this, number](EngineResult<engine::ReceivedMessages> result) { answered(number, result); });
}

void ChannelActor::abandon() {
  std::vector<std::uint64_t> waiting;
  for (const auto& [number, poll] : polls_) {
    if (!poll.abandoned) waiting.push_back(number);
  }
  if (waiting.empty()) return;
  Poll& poll = polls_.at(world_.random().pick(waiting));
  world_.log().add("channel %lx: abandons a receive from %s", session_.id().value,
                   poll.queue.c_str());
  poll.abandoned = true;
  session_.stop_receiving(poll.queue, poll.request);
}

void ChannelActor::check_empty(const Poll& poll) const {
  if (poll.abandoned || world_.wall() >= poll.asked.wall + poll.options.wait_ms) return;
  violated("(n) channel %lx: a receive from %s is answered with nothing before its time",
           session_.id().value, poll.queue.c_str());
}

void ChannelActor::answered(std::uint64_t number, EngineResult<engine::ReceivedMessages>& result) {
  if (closing_) violated("(f) channel %lx is answered after it closed", session_.id().value);
  const auto known = polls_.find(number);
  if (known == polls_.end()) violated("(f) a receive is answered twice");
  const Poll poll = known->second;
  polls_.erase(known);
  if (!result) {
    world_.log().add("channel %lx: refused: %s", session_.id().value, result.error().text.c_str());
    const bool full = result.error().kind == engine::ErrorKind::kRefused;
    const bool may_be_full = poll.options.most_leased != UINT64_MAX && poll.options.wait_ms == 0;
    if (full ? !may_be_full : kind_of(poll.queue).stable) {
      violated("(n) a receive from %s is refused", poll.queue.c_str());
    }
    return world_.model().poll_ends(poll.asked, false);
  }
  if (result->items.empty()) check_empty(poll);
  if (result->items.size() > poll.options.most && !result->repeated) {
    violated("(n) %zu messages are received instead of %u", result->items.size(),
             poll.options.most);
  }
  world_.log().add("channel %lx: receive %lu is answered with %zu messages%s", session_.id().value,
                   number, result->items.size(), result->repeated ? " once more" : "");
  Answer answer{.items = {},
                .messages = {},
                .consumer = result->consumer,
                .bytes = result->bytes,
                .repeated = result->repeated};
  bool all_anew = true;
  for (const engine::ReceivedItem& item : result->items) {
    const Model::Taken taken = world_.model().received(item, poll.asked, result->repeated);
    answer.items.push_back({poll.asked.queue, taken.key, item.token});
    answer.messages.push_back(item.message);
    world_.log().add("channel %lx: receives %lu at %lu for the %uth time%s", session_.id().value,
                     taken.key.message, item.token.position, item.token.acquired,
                     taken.late ? ", too late" : "");
    all_anew = all_anew && taken.anew;
    if (taken.anew) {
      world_.model().check_group(taken.key, {result->consumer.value, 0}, taken.again);
    }
  }
  world_.model().poll_ends(poll.asked, result->repeated);
  if (answer.items.empty()) return;
  if (!answer.repeated) {
    world_.model().note_attempt(poll.asked, all_anew ? answer.items : std::vector<HandOut>());
  }
  // Who abandoned it, or was not there any more, is not sent it.
  if (!answer.repeated && (poll.abandoned || world_.random().chance(5))) {
    give_back(poll.queue, answer.items);
    client_.client().written(answer.consumer, 1, answer.bytes);
    return;
  }
  const std::uint64_t tag = next_tag_++;
  client_.handed_over(*this, tag, answer.consumer.shard(), answer.bytes, false);
  answers_.emplace(tag, std::move(answer));
}

void ChannelActor::check_polls() const {
  for (const auto& [number, poll] : polls_) {
    if (world_.wall() >= poll.answered_by) {
      violated("(n) channel %lx: receive %lu from %s is not answered", session_.id().value, number,
               poll.queue.c_str());
    }
    if (poll.answered_by != kNever) continue;
    const_cast<Poll&>(poll).answered_by = world_.wall() + poll.options.wait_ms;
  }
}

// --- the socket ---------------------------------------------------------------------------------

bool ChannelActor::answer_sent(std::uint64_t tag) {
  const auto known = answers_.find(tag);
  if (known == answers_.end()) return false;
  const Answer& answer = known->second;
  for (std::size_t i = 0; i < answer.items.size(); ++i) {
    world_.model().sent(answer.items[i].key);
    world_.model().check_lent(*answer.messages[i], answer.items[i].key);
    world_.note_token(answer.items[i]);
  }
  return true;
}

bool ChannelActor::answer_reported(std::uint64_t tag, bool dropped) {
  const auto known = answers_.find(tag);
  if (known == answers_.end()) return false;
  client_.client().written(known->second.consumer, dropped ? 0 : 1, known->second.bytes);
  if (!dropped) answers_.erase(known);
  return true;
}

void ChannelActor::leave_polls() {
  for (const auto& [tag, answer] : std::exchange(answers_, {})) {
    if (answer.repeated) continue;  // it may have been sent before
    for (const HandOut& item : answer.items) world_.model().unwritten(item);
  }
  for (const auto& [number, poll] : polls_) world_.model().poll_closes(poll.asked);
}

void ChannelActor::forget_polls() {
  for (const auto& [number, poll] : std::exchange(polls_, {})) {
    world_.model().poll_is_closed(poll.asked);
  }
  for (const auto& requests : std::exchange(requests_, {})) {
    for (const TokenRequest& request : *requests) world_.model().never_answered(request);
  }
}

// --- tokens -------------------------------------------------------------------------------------

void ChannelActor::give_back(const std::string& queue, const std::vector<HandOut>& items) {
  auto requests = std::make_shared<TokenRequests>();
  for (const HandOut& item : items) {
    requests->push_back({.hand_out = item,
                         .what = TokenRequest::What::kGiveBack,
                         .freshness = Freshness::kCurrent});
  }
  auto operation = std::make_shared<Operation>(Operation{"give back to " + queue});
  asides_.push_back(operation);
  ask(queue, requests, operation);
}

// Some of one queue, of messages that are not the same.
std::shared_ptr<ChannelActor::TokenRequests> ChannelActor::draw_tokens(TokenRequest what) {
  auto requests = std::make_shared<TokenRequests>();
  const std::vector<HandOut>& tokens = world_.tokens();
  for (std::uint64_t tries = world_.random().between(1, 4); tries != 0 && !tokens.empty();
       --tries) {
    const HandOut& one = world_.random().pick(tokens);
    if (!world_.model().knows(one.key)) continue;
    const bool suits = std::none_of(requests->begin(), requests->end(), [&](const auto& other) {
      return other.hand_out.queue != one.queue || other.hand_out.key == one.key;
    });
    if (!suits) continue;
    what.hand_out = one;
    requests->push_back(what);
  }
  return requests;
}

// As a dialect would ask, mostly.
Freshness ChannelActor::draw_freshness(const HandOut& hand_out, Freshness usual) {
  const bool grouped = kind_of(world_.model().queue_name(hand_out.queue)).grouped;
  if (world_.random().chance(20)) return Freshness::kLatest;
  return grouped ? Freshness::kCurrent : usual;
}

void ChannelActor::erase() {
  const auto requests =
      draw_tokens({.what = TokenRequest::What::kDelete, .freshness = Freshness::kAny});
  if (requests->empty()) return;
  const std::string queue = world_.model().queue_name(requests->front().hand_out.queue);
  const QueueEntry* entry = find_queue(queue);
  if (entry == nullptr || entry->id != requests->front().hand_out.queue) return;
  const Freshness freshness = draw_freshness(requests->front().hand_out, Freshness::kAny);
  for (TokenRequest& request : *requests) request.freshness = freshness;
  ask(queue, requests, begin("delete by token from " + queue));
}

void ChannelActor::extend() {
  static constexpr std::int64_t kLeases[] = {0, 0, 5, 50, 1'000, 60'000, kLongestLeaseMs};
  static constexpr std::int64_t kMost[] = {kLongestLeaseMs, kLongestLeaseMs, 2'000};
  const auto requests =
      draw_tokens({.what = TokenRequest::What::kExtend, .freshness = Freshness::kLatest});
  if (requests->empty()) return;
  const std::string queue = world_.model().queue_name(requests->front().hand_out.queue);
  const QueueEntry* entry = find_queue(queue);
  if (entry == nullptr || entry->id != requests->front().hand_out.queue) return;
  const Freshness freshness = draw_freshness(requests->front().hand_out, Freshness::kLatest);
  const std::int64_t most = world_.random().pick(kMost);
  for (TokenRequest& request : *requests) {
    request.freshness = freshness;
    request.lease_ms = world_.random().pick(kLeases);
    request.most_ms = most;
  }
  ask(queue, requests, begin("extend leases of " + queue));
}

void ChannelActor::ask(const std::string& queue, const std::shared_ptr<TokenRequests>& requests,
                       std::shared_ptr<Operation> operation) {
  requests_.push_back(requests);
  engine::SettleTokens settle{{}, requests->front().freshness, engine::Settle::kAck};
  engine::ExtendLeases extend{{}, requests->front().freshness, requests->front().most_ms};
  const TokenRequest::What what = requests->front().what;
  if (what == TokenRequest::What::kGiveBack) settle.how = engine::Settle::kUnwritten;
  for (TokenRequest& request : *requests) {
    world_.model().asks(request);
    world_.log().add("channel %lx: asks %d of message %lu (%lu, %u, %lu) for %ld ms, as %d",
                     session_.id().value, static_cast<int>(what), request.hand_out.key.message,
                     request.hand_out.token.position, request.hand_out.token.acquired,
                     request.hand_out.token.life, request.lease_ms,
                     static_cast<int>(request.freshness));
    settle.tokens.push_back(request.hand_out.token);
    extend.leases.push_back({request.hand_out.token, request.lease_ms});
  }
  const auto done = [this, requests, operation](EngineResult<std::vector<TokenEnd>> result) {
    end(operation);
    std::erase(requests_, requests);
    if (result && result->size() != requests->size()) violated("(f) tokens are not all answered");
    for (std::size_t i = 0; i < requests->size(); ++i) {
      const TokenRequest& request = (*requests)[i];
      if (!result) {
        world_.model().never_answered(request);
        continue;
      }
      world_.log().add("channel %lx: of message %lu: %d", session_.id().value,
                       request.hand_out.key.message, static_cast<int>((*result)[i]));
      world_.model().answered(request, (*result)[i]);
    }
  };
  if (what == TokenRequest::What::kExtend) {
    session_.extend_leases(queue, std::move(extend), done);
  } else {
    session_.settle_tokens(queue, std::move(settle), done);
  }
}

}  // namespace polymq::sim
