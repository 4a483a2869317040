// Queues of the relay.
#include "cli/perf/relay/broker.h"

#include "cli/perf/relay/connection.h"

namespace polymq::perf {

RelayBroker::RelayBroker(Loop& loop) : loop_(loop) {}
RelayBroker::~RelayBroker() = default;

void RelayBroker::accept(Socket socket) {
  auto connection = std::make_unique<RelayConnection>(std::move(socket), *this);
  RelayConnection* const key = connection.get();
  connections_.emplace(key, std::move(connection));
}

void RelayBroker::drop(RelayConnection& connection) {
  // Events of this round may still name it; those of an earlier round cannot.
  if (dead_since_ != loop_.time()) dead_.clear();
  dead_since_ = loop_.time();
  for (auto& [name, queue] : queues_) {
    std::erase_if(queue->consumers, [&](const RelayConsumer& consumer) {
      return consumer.connection == &connection;
    });
  }
  std::erase(dirty_, &connection);
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  dead_.push_back(std::move(found->second));
  connections_.erase(found);
}

RelayQueue& RelayBroker::declare(std::string_view name) {
  std::string own(name);
  if (own.empty()) own = "relay.gen-" + std::to_string(++made_up_);
  auto& queue = queues_[own];
  if (!queue) queue = std::make_unique<RelayQueue>();
  queue->name = own;
  return *queue;
}

RelayQueue* RelayBroker::find(std::string_view name) {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

void RelayBroker::remove(std::string_view name) {
  const auto found = queues_.find(name);
  if (found == queues_.end()) return;
  for (auto& [key, connection] : connections_) connection->forget(found->second.get());
  queues_.erase(found);
}

void RelayBroker::consume(RelayQueue& queue, RelayConsumer consumer) {
  queue.consumers.push_back(std::move(consumer));
  for (const std::string& content : queue.waiting) {
    deliver(queue, queue.consumers.back(), content, 0);
  }
  queue.waiting.clear();
}

void RelayBroker::publish(RelayQueue& queue, std::string_view content, std::uint16_t channel) {
  if (queue.consumers.empty()) {
    queue.waiting.emplace_back(content);
    return;
  }
  if (queue.next_consumer >= queue.consumers.size()) queue.next_consumer = 0;
  deliver(queue, queue.consumers[queue.next_consumer++], content, channel);
}

void RelayBroker::deliver(RelayQueue& queue, RelayConsumer& consumer, std::string_view content,
                          std::uint16_t channel) {
  consumer.connection->deliver(consumer, queue.name, content, channel);
}

void RelayBroker::flush_dirty() {
  // Flushing may drop a connection, which takes it out of the list.
  while (!dirty_.empty()) {
    RelayConnection* const connection = dirty_.back();
    dirty_.pop_back();
    connection->flush();
  }
}

void RelayBroker::set_congested(bool congested) {
  const bool before = congested_ != 0;
  congested ? ++congested_ : --congested_;
  if (before == (congested_ != 0)) return;
  for (auto& [key, connection] : connections_) connection->update_interest();
}

}  // namespace polymq::perf
