// Tasks that move a dead-letter queue's messages away: each is an order of the engine's, and what
// became of the last ones is kept with the queue.
#include <boost/json.hpp>
#include <limits>

#include "engine/move_order.h"
#include "sqs/base64.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/queue_address.h"
#include "sqs/redrive.h"
#include "sqs/service.h"

namespace polymq::sqs {
namespace {

using engine::MoveFailure;
using engine::MoveOrder;
using engine::MoveState;

/// Orders that have ended, the newest first, but for the last one.
constexpr std::string_view kEarlierOrders = "x-earlier-move-orders";
constexpr std::size_t kMostTold = 10;

std::vector<MoveOrder> earlier_orders(const engine::Fields& arguments) {
  std::vector<MoveOrder> orders;
  const engine::Value* kept = engine::find(arguments, kEarlierOrders);
  if (kept == nullptr || kept->as_array() == nullptr) return orders;
  for (const engine::Value& value : *kept->as_array()) {
    if (auto order = engine::move_order_of(value)) orders.push_back(*std::move(order));
  }
  return orders;
}

/// All that are known, the newest first.
std::vector<MoveOrder> orders_of(const engine::Fields& arguments) {
  std::vector<MoveOrder> orders = earlier_orders(arguments);
  if (auto last = engine::move_order_of(arguments)) orders.insert(orders.begin(), *last);
  if (orders.size() > kMostTold) orders.resize(kMostTold);
  return orders;
}

bool is_running(const engine::Fields& arguments) {
  const auto order = engine::move_order_of(arguments);
  return order && order->state == MoveState::kRunning;
}

std::string_view to_text(MoveState state) {
  switch (state) {
    case MoveState::kRunning:
      return "RUNNING";
    case MoveState::kCompleted:
      return "COMPLETED";
    case MoveState::kCancelled:
      return "CANCELLED";
    case MoveState::kFailed:
      return "FAILED";
  }
  return {};
}

std::string_view to_text(MoveFailure failure) {
  switch (failure) {
    case MoveFailure::kNone:
      return {};
    case MoveFailure::kNoDestination:
      return "AWS.SimpleQueueService.NonExistentQueue";
    case MoveFailure::kNoSource:
      return "CouldNotDetermineMessageSource";
    case MoveFailure::kRefused:
      return "DestinationQueueRefusedMessage";
  }
  return {};
}

std::string handle_of(const std::string& task, const std::string& source_arn) {
  const boost::json::object handle{{"taskId", task}, {"sourceArn", source_arn}};
  const std::string json = boost::json::serialize(handle);
  std::string text(base64_size(json.size(), Base64::kPadded), '\0');
  encode_base64(json, Base64::kPadded, text.data());
  return text;
}

struct TaskHandle {
  std::string task;
  std::string source_arn;
};

std::optional<TaskHandle> read_handle(std::string_view text) {
  std::string bytes(text.size(), '\0');
  const std::size_t size = decode_base64(text, Base64::kPadded, bytes.data());
  if (size == kNotBase64) return std::nullopt;
  bytes.resize(size);
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(bytes, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return std::nullopt;
  const boost::json::value* task = object->if_contains("taskId");
  const boost::json::value* source = object->if_contains("sourceArn");
  if (task == nullptr || source == nullptr) return std::nullopt;
  if (!task->is_string() || !source->is_string()) return std::nullopt;
  return TaskHandle{std::string(task->get_string()), std::string(source->get_string())};
}

}  // namespace

std::optional<Service::Queue> Service::resource(Job& job, std::string_view arn,
                                                std::string_view parameter) {
  const auto address = parse_queue_arn(arn);
  const engine::QueueEntry* entry = address ? entry_of(address->name) : nullptr;
  if (entry != nullptr) return Queue{std::string(address->name), entry};
  job.refuse(resource_not_found(parameter));
  return std::nullopt;
}

// Where each message goes back to is known when it is its turn: any of them may be asked for.
std::optional<MoveOrder> Service::new_order(Job& job, const Queue& source,
                                            const action::StartMessageMoveTask::Request& request) {
  const std::vector<std::string> users = dead_letter_sources(source);
  std::vector<std::string> targets = users;
  const Uuid id = random_uuid();
  MoveOrder order{.id = std::string(id.data(), id.size()),
                  .rate = request.max_number_of_messages_per_second.value_or(0),
                  .given = shard_.now().wall};
  if (request.destination_arn) {
    const auto destination = resource(job, *request.destination_arn, "DestinationArn");
    if (!destination) return std::nullopt;
    order.destination = destination->name;
    targets = {destination->name};
  }
  SqsResult<void> good;
  const bool fifo = stored(*source.entry).settings.is_fifo();
  if (users.empty()) {
    good = tl::make_unexpected(source_is_no_dead_letter_queue());
  } else if (is_running(*source.entry->arguments)) {
    good = tl::make_unexpected(task_already_running());
  } else if (order.destination == source.name) {
    good = tl::make_unexpected(SqsError{ErrorCode::kInvalidParameterValue,
                                        "Source and destination must not be the same queue."});
  } else if (order.destination &&
             stored(*entry_of(*order.destination)).settings.is_fifo() != fifo) {
    good = tl::make_unexpected(
        SqsError{ErrorCode::kInvalidParameterValue,
                 "Source and destination must both be standard queues or both be FIFO queues."});
  }
  if (!good) {
    job.refuse(good.error());
    return std::nullopt;
  }
  for (const std::string& target : targets) {
    if (!allowed(job, need_of<action::SendMessage>(), target, entry_of(target))) {
      return std::nullopt;
    }
  }
  return order;
}

void Service::perform(const JobPointer& job, const action::StartMessageMoveTask::Request& request) {
  const auto source = resource(*job, request.source_arn, "SourceArn");
  if (!source) return;
  if (!allowed(*job, need_of<action::StartMessageMoveTask>(), source->name, source->entry)) return;
  auto order = new_order(*job, *source, request);
  if (!order) return;
  const auto count_and_start = [this, job, name = source->name, order = *std::move(order)](
                                   const engine::EngineResult<engine::QueueState>& state) mutable {
    const engine::QueueEntry* entry = state ? entry_of(name) : nullptr;
    if (entry == nullptr) return job->refuse(resource_not_found("SourceArn"));
    // Somebody else may have been faster.
    if (is_running(*entry->arguments)) return job->refuse(task_already_running());
    order.messages = static_cast<std::int64_t>(state->messages);
    give_order(job, {name, entry}, order);
  };
  session_.inspect_queue(source->name, count_and_start);
}

void Service::give_order(const JobPointer& job, const Queue& source, const MoveOrder& order) {
  std::vector<engine::Value> earlier;
  for (const MoveOrder& one : orders_of(*source.entry->arguments)) {
    if (earlier.size() < kMostTold - 1) earlier.push_back(engine::to_value(one));
  }
  engine::Session& session = make_session();
  session.change_queue(
      {.vhost = source.entry->vhost->id,
       .queue = source.name,
       .set = {{std::string(engine::kMoveOrderArgument), engine::to_value(order)},
               {std::string(kEarlierOrders), engine::Value::array(std::move(earlier))}},
       .clear = {},
       .client = {},
       .expected = source.entry->arguments},
      [this, job, id = order.id, arn = job->arn_of(source.name),
       &session](const engine::EngineResult<void>& result) {
        end_session(session);
        if (!result) return not_changed(job, result.error());
        const std::string handle = handle_of(id, arn);
        job->answer<action::StartMessageMoveTask>({.task_handle = handle});
      });
}

void Service::perform(const JobPointer& job, const action::ListMessageMoveTasks::Request& request) {
  const auto source = resource(*job, request.source_arn, "SourceArn");
  if (!source) return;
  if (!allowed(*job, need_of<action::ListMessageMoveTasks>(), source->name, source->entry)) return;
  std::vector<MoveOrder> orders = orders_of(*source->entry->arguments);
  const auto most = static_cast<std::size_t>(request.max_results.value_or(1));
  if (orders.size() > most) orders.resize(most);
  if (orders.empty() || orders.front().state != MoveState::kRunning) {
    return answer_tasks(*job, source->name, orders);
  }
  session_.inspect_move(source->name, false,
                        [job, name = source->name, orders = std::move(orders)](
                            const engine::EngineResult<engine::MoveProgressed>& progress) mutable {
                          if (!progress) return job->refuse(resource_not_found("SourceArn"));
                          // It has only just begun or ended, and not all have heard of that: look
                          // again.
                          if (!progress->running && job->begin_again(job)) return;
                          orders.front().moved = static_cast<std::int64_t>(progress->moved);
                          answer_tasks(*job, name, orders);
                        });
}

void Service::answer_tasks(Job& job, const std::string& source,
                           const std::vector<MoveOrder>& orders) {
  struct Texts {
    std::string handle;
    std::string destination;
  };
  const std::string arn = job.arn_of(source);
  std::vector<Texts> texts(orders.size());
  std::vector<action::ListMessageMoveTasks::Task> tasks;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const MoveOrder& order = orders[i];
    action::ListMessageMoveTasks::Task task{
        .status = to_text(order.state),
        .source_arn = arn,
        .approximate_number_of_messages_moved = order.moved,
        .approximate_number_of_messages_to_move = order.messages,
        .started_timestamp = order.given};
    if (order.state == MoveState::kRunning) {
      texts[i].handle = handle_of(order.id, arn);
      task.task_handle = texts[i].handle;
    }
    if (order.destination) {
      texts[i].destination = job.arn_of(*order.destination);
      task.destination_arn = texts[i].destination;
    }
    if (order.rate != 0) task.max_number_of_messages_per_second = order.rate;
    if (order.failure != MoveFailure::kNone) task.failure_reason = to_text(order.failure);
    tasks.push_back(task);
  }
  job.answer<action::ListMessageMoveTasks>({.results = tasks});
}

void Service::perform(const JobPointer& job,
                      const action::CancelMessageMoveTask::Request& request) {
  const auto handle = read_handle(request.task_handle);
  if (!handle) return job->refuse(invalid_task_handle());
  const auto address = parse_queue_arn(handle->source_arn);
  const engine::QueueEntry* entry = address ? entry_of(address->name) : nullptr;
  const auto order = entry == nullptr ? std::nullopt : engine::move_order_of(*entry->arguments);
  if (!order || order->id != handle->task || order->state != MoveState::kRunning) {
    return job->refuse(task_unknown());
  }
  if (!allowed(*job, need_of<action::CancelMessageMoveTask>(), address->name, entry)) return;
  session_.inspect_move(entry->name, true,
                        [this, job, name = entry->name, id = order->id](
                            const engine::EngineResult<engine::MoveProgressed>& progress) {
                          if (!progress || !progress->running) return job->refuse(task_unknown());
                          note_cancelled(job, name, id, static_cast<std::int64_t>(progress->moved));
                        });
}

// It must not go on after a crash: the answer waits for that.
void Service::note_cancelled(const JobPointer& job, const std::string& source,
                             const std::string& id, std::int64_t moved) {
  const engine::QueueEntry* entry = entry_of(source);
  auto order = entry == nullptr ? std::nullopt : engine::move_order_of(*entry->arguments);
  if (!order || order->id != id) return job->refuse(task_unknown());
  if (order->state == MoveState::kRunning) {
    order->state = MoveState::kCancelled;
    order->moved = moved;
  }
  engine::Session& session = make_session();
  session.change_queue(
      {.vhost = entry->vhost->id,
       .queue = source,
       .set = {{std::string(engine::kMoveOrderArgument), engine::to_value(*order)}},
       .clear = {},
       .client = {},
       .expected = entry->arguments},
      [this, job, source, id, moved, &session](const engine::EngineResult<void>& result) {
        end_session(session);
        // Its end may have been noted meanwhile.
        if (!result && result.error().kind == engine::ErrorKind::kChanged) {
          return note_cancelled(job, source, id, moved);
        }
        if (!result) return job->refuse({ErrorCode::kServiceUnavailable, result.error().text});
        job->answer<action::CancelMessageMoveTask>({.approximate_number_of_messages_moved = moved});
      });
}

}  // namespace polymq::sqs
