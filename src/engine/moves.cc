// Taking messages at the order's rate, and saying what became of it.
#include "engine/moves.h"

#include <algorithm>

#include "engine/topology.h"

namespace polymq::engine {
namespace {

constexpr std::uint64_t kMsPerSecond = 1000;

}  // namespace

void Moves::update(Queue& queue, bool restored) {
  const auto order = move_order_of(*queue.entry().arguments);
  const bool running = order && order->state == MoveState::kRunning;
  const auto known = std::find_if(tasks_.begin(), tasks_.end(),
                                  [&](const auto& task) { return task->queue == &queue; });
  if (known != tasks_.end()) {
    if (running && (*known)->order.id == order->id) return;
    tasks_.erase(known);
  }
  if (!running) return;
  auto progress = std::make_shared<MoveProgress>(MoveProgress{.destination = order->destination});
  if (restored) {  // what is not there any more has been moved
    const auto before = static_cast<std::uint64_t>(order->messages);
    progress->moved = before - std::min(before, queue.ready());
  }
  tasks_.push_back(std::make_unique<Task>(
      Task{&queue, *order, queue.last_position() + 1, now_.wall, 0, std::move(progress)}));
}

void Moves::forget(Queue& queue) {
  std::erase_if(tasks_, [&](const auto& task) { return task->queue == &queue; });
}

std::uint64_t Moves::allowed(const Task& task) const {
  const std::uint64_t room = kWindow - std::min(kWindow, task.progress->under_way);
  if (task.order.rate == 0) return room;
  const auto elapsed = static_cast<std::uint64_t>(std::max<WallMs>(now_.wall - task.begun, 0));
  const auto rate = static_cast<std::uint64_t>(task.order.rate);
  const std::uint64_t due = elapsed * rate / kMsPerSecond + 1;
  return std::min(room, due - std::min(due, task.taken));
}

bool Moves::advance(Task& task) {
  const MoveProgress& progress = *task.progress;
  if (progress.failure != MoveFailure::kNone || task.order.state != MoveState::kRunning) {
    return false;
  }
  const std::vector<Position> taken = task.queue->begin_moves(allowed(task), task.below);
  for (const Position position : taken) letters_.add(*task.queue, position, task.progress);
  task.taken += taken.size();
  return !taken.empty();
}

bool Moves::ended(const Task& task) {
  const MoveProgress& progress = *task.progress;
  if (progress.under_way != 0) return false;
  MoveState state = task.order.state;
  if (progress.failure != MoveFailure::kNone) {
    state = MoveState::kFailed;
  } else if (state == MoveState::kRunning) {
    if (task.queue->has_ready_below(task.below)) return false;
    state = MoveState::kCompleted;
  }
  mailer_.send(kControlShard, MoveEnded{task.queue->id(), task.order.id, state, progress.failure,
                                        static_cast<std::int64_t>(progress.moved)});
  return true;
}

bool Moves::work() {
  bool worked = false;
  for (const auto& task : tasks_) worked = advance(*task) || worked;
  const std::size_t ended_now =
      std::erase_if(tasks_, [this](const auto& task) { return ended(*task); });
  return worked || ended_now != 0;
}

WallMs Moves::next_timer() const {
  WallMs next = kNever;
  for (const auto& task : tasks_) {
    if (task->order.rate == 0) continue;
    const auto rate = static_cast<std::uint64_t>(task->order.rate);
    const std::uint64_t wait = (task->taken * kMsPerSecond + rate - 1) / rate;
    const WallMs due = task->begun + static_cast<WallMs>(wait);
    // What is due and does not go waits for something that will be heard.
    if (due > now_.wall) next = std::min(next, due);
  }
  return next;
}

MoveProgressed Moves::progress(const Queue& queue) const {
  for (const auto& task : tasks_) {
    if (task->queue == &queue) return {task->progress->moved, true};
  }
  return {};
}

void Moves::cancel(Queue& queue) {
  for (const auto& task : tasks_) {
    if (task->queue == &queue) task->order.state = MoveState::kCancelled;
  }
}

}  // namespace polymq::engine
