// Channels that order messages to move from queue to queue, and change what queues are like.
#include "actors.h"
#include "world.h"

namespace polymq::sim {

using engine::EngineResult;
using engine::MoveOrder;
using engine::MoveState;
using engine::QueueEntry;
using engine::Value;

void ChannelActor::order_move() {
  static constexpr std::int64_t kRates[] = {0, 0, 5, 100};
  Random& random = world_.random();
  const std::string from = random.pick(world_.queue_names());
  const std::string to = random.pick(world_.queue_names());
  const QueueEntry* entry = find_queue(from);
  if (entry == nullptr || !kind_of(from).moving || !kind_of(to).moving || from == to) return;
  const auto running = engine::move_order_of(*entry->arguments);
  if (running && running->state == MoveState::kRunning) {
    if (random.chance(50)) cancel_order(from, running->id);
    return;
  }
  MoveOrder order{.id = std::to_string(world_.new_number()),
                  .destination = to,
                  .rate = random.pick(kRates),
                  .given = world_.wall()};
  if (random.chance(40)) order.destination.reset();
  const auto operation = begin("count what is in " + from);
  session_.inspect_queue(
      from, [this, operation, from, order](EngineResult<engine::QueueState> state) mutable {
        end(operation);
        if (!state || find_queue(from) == nullptr) return;
        order.messages = static_cast<std::int64_t>(state->messages);
        give_order(from, order);
      });
}

void ChannelActor::give_order(const std::string& queue, const MoveOrder& order) {
  const QueueEntry& entry = *find_queue(queue);
  const auto operation = begin("note order " + order.id + " to move from " + queue + " to " +
                               order.destination.value_or("where it came from") + ": " +
                               std::to_string(static_cast<int>(order.state)));
  session_.change_queue(
      {.vhost = entry.vhost->id,
       .queue = queue,
       .set = {{std::string(engine::kMoveOrderArgument), engine::to_value(order)}},
       .clear = {},
       .client = {},
       .expected = entry.arguments},
      [this, operation, queue, order](EngineResult<void> result) {
        end(operation);
        // Its end may have been noted meanwhile.
        const bool changed = !result && result.error().kind == engine::ErrorKind::kChanged;
        if (!result && !changed) refused(result.error());
      });
}

// As a dialect does: it ends at its queue, and is noted as ended.
void ChannelActor::cancel_order(const std::string& queue, const std::string& id) {
  const auto operation = begin("cancel order " + id + " of " + queue);
  session_.inspect_move(queue, true,
                        [this, operation, queue, id](EngineResult<engine::MoveProgressed> result) {
                          end(operation);
                          const QueueEntry* entry = find_queue(queue);
                          if (!result || entry == nullptr) return;
                          auto order = engine::move_order_of(*entry->arguments);
                          if (!order || order->id != id || order->state != MoveState::kRunning) {
                            return;
                          }
                          order->state = MoveState::kCancelled;
                          order->moved = static_cast<std::int64_t>(result->moved);
                          give_order(queue, *order);
                        });
}

void ChannelActor::change_arguments() {
  Random& random = world_.random();
  const std::string name = random.pick(world_.queue_names());
  const QueueEntry* entry = find_queue(name);
  if (entry == nullptr || !kind_of(name).changing) return;
  const auto number = [&](std::initializer_list<std::int64_t> of) {
    const std::vector<std::int64_t> choices(of);
    return Value::integer(random.pick(choices));
  };
  const engine::Fields choices = {{"x-message-delay", number({0, 10, 500})},
                                  {"x-message-retention", number({60'000, 600'000, 86'400'000})},
                                  {"x-receive-limit", number({1, 2, 5})}};
  engine::ChangeQueue change{.vhost = entry->vhost->id, .queue = name};
  for (const engine::Field& choice : choices) {
    if (random.chance(40)) {
      change.set.push_back(choice);
    } else if (random.chance(20)) {
      change.clear.push_back(choice.name);
    }
  }
  const auto operation = begin("change arguments of " + name);
  session_.change_queue(std::move(change), [this, operation](EngineResult<void> result) {
    end(operation);
    if (!result) refused(result.error());
  });
}

}  // namespace polymq::sim
