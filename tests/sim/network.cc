// Moving envelopes.
#include "network.h"

#include <algorithm>
#include <utility>

namespace polymq::sim {

using engine::Envelope;
using engine::ShardIndex;

Network::Network(ShardIndex shards, std::size_t capacity)
    : shards_(shards), capacity_(capacity), links_(std::size_t{shards} * shards) {
  for (ShardIndex shard = 0; shard < shards; ++shard) {
    outboxes_.push_back(std::make_unique<Sender>(*this, shard));
  }
}

void Network::Sender::send(ShardIndex to, Envelope envelope) {
  Link& link = network_.link(from_, to);
  if (link.overflow.empty() && link.mailbox.size() < network_.capacity_) {
    link.mailbox.push_back(std::move(envelope));
  } else {
    link.overflow.push_back(std::move(envelope));
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
