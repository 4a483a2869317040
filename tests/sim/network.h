// The mailboxes between simulated shards: FIFO for each pair, held back as long as one likes, with
// a capacity beyond which a sender's mail waits at the sender.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "engine/mail.h"
#include "sabotage.h"

namespace polymq::sim {

class Network {
 public:
  Network(engine::ShardIndex shards, std::size_t capacity, Sabotage sabotage = Sabotage::kNone);

  engine::Outbox& outbox(engine::ShardIndex from) { return *outboxes_[from]; }
  /// The next envelope from `from` to `to`; false when there is none.
  bool take(engine::ShardIndex from, engine::ShardIndex to, engine::Envelope& envelope);
  /// End of the sender's turn: moves what waits into the mailboxes as far as there is room.
  void drain_overflow(engine::ShardIndex from);
  /// Mail waits at the sender: sockets are not read.
  bool overflowing(engine::ShardIndex from) const;
  /// Nothing is under way between any two shards.
  bool idle() const;

 private:
  struct Link {
    std::deque<engine::Envelope> mailbox;
    std::deque<engine::Envelope> overflow;
    std::deque<engine::Envelope> overtaken;  // sabotage: comes behind the next one
  };
  class Sender final : public engine::Outbox {
   public:
    Sender(Network& network, engine::ShardIndex from) : network_(network), from_(from) {}
    void send(engine::ShardIndex to, engine::Envelope envelope) override;

   private:
    Network& network_;
    const engine::ShardIndex from_;
  };

  Link& link(engine::ShardIndex from, engine::ShardIndex to) { return links_[from * shards_ + to]; }
  bool to_spoil(const engine::Mail& mail);
  void put(Link& way, engine::Envelope envelope);

  const engine::ShardIndex shards_;
  const std::size_t capacity_;
  const Sabotage sabotage_;
  std::uint64_t candidates_ = 0;          // mail that could have been spoiled
  std::deque<engine::Envelope> spoiled_;  // kept, for the messages in it
  std::vector<Link> links_;
  std::vector<std::unique_ptr<Sender>> outboxes_;
};

}  // namespace polymq::sim
