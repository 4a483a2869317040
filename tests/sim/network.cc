// Moving envelopes.
#include "network.h"

#include <algorithm>
#include <utility>

namespace polymq::sim {

using engine::Envelope;
using engine::ShardIndex;

namespace {

/// One of so many is spoiled.
constexpr std::uint64_t kSpoilEvery = 4;

}  // namespace

Network::Network(ShardIndex shards, std::size_t capacity, Sabotage sabotage)
    : shards_(shards),
      capacity_(capacity),
      sabotage_(sabotage),
      links_(std::size_t{shards} * shards) {
  for (ShardIndex shard = 0; shard < shards; ++shard) {
    outboxes_.push_back(std::make_unique<Sender>(*this, shard));
  }
}

void Network::Sender::send(ShardIndex to, Envelope envelope) {
  Link& way = network_.link(from_, to);
  falsify(network_.sabotage_, envelope.mail);
  if (network_.to_spoil(envelope.mail)) {
    const bool swap = network_.sabotage_ == Sabotage::kSwapPublishes;
    (swap ? way.overtaken : network_.spoiled_).push_back(std::move(envelope));
    return;
  }
  network_.put(way, std::move(envelope));
  for (engine::Envelope& overtaken : std::exchange(way.overtaken, {})) {
    network_.put(way, std::move(overtaken));
  }
}

bool Network::to_spoil(const engine::Mail& mail) {
  return loses(sabotage_, mail) && ++candidates_ % kSpoilEvery == 0;
}

void Network::put(Link& way, Envelope envelope) {
  if (way.overflow.empty() && way.mailbox.size() < capacity_) {
    way.mailbox.push_back(std::move(envelope));
  } else {
    way.overflow.push_back(std::move(envelope));
  }
}

bool Network::take(ShardIndex from, ShardIndex to, Envelope& envelope) {
  std::deque<Envelope>& mailbox = link(from, to).mailbox;
  if (mailbox.empty()) return false;
  envelope = std::move(mailbox.front());
  mailbox.pop_front();
  return true;
}

void Network::drain_overflow(ShardIndex from) {
  for (ShardIndex to = 0; to < shards_; ++to) {
    Link& way = link(from, to);
    while (!way.overflow.empty() && way.mailbox.size() < capacity_) {
      way.mailbox.push_back(std::move(way.overflow.front()));
      way.overflow.pop_front();
    }
  }
}

bool Network::overflowing(ShardIndex from) const {
  const auto first = links_.begin() + std::ptrdiff_t{from} * shards_;
  return std::any_of(first, first + shards_, [](const Link& way) { return !way.overflow.empty(); });
}

bool Network::idle() const {
  return std::all_of(links_.begin(), links_.end(),
                     [](const Link& way) { return way.mailbox.empty() && way.overflow.empty(); });
}

}  // namespace polymq::sim
