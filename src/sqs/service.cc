// From an action's name to what does it.
#include "sqs/service.h"

#include <algorithm>

#include "sqs/names.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/queue_address.h"

namespace polymq::sqs {

Service::Service(engine::Shard& shard, const Settings& settings)
    : shard_(shard),
      settings_(settings),
      handles_(settings.handle_key),
      client_(shard, *this, settings.vhost),
      session_(client_, *this) {
  session_.publisher().tell_places();
}

Service::~Service() = default;

void Service::shutting_down() {
  closing_ = true;
  for (Job* job : std::exchange(receiving_, {})) {
    if (job->waiting()) job->answer<action::ReceiveMessage>();
  }
}

const StoredQueue& Service::stored(const engine::QueueEntry& entry) {
  constexpr std::size_t kMost = 4096;
  if (stored_.size() > kMost) stored_.clear();
  Known& known = stored_[entry.id];
  if (known.arguments != entry.arguments) {
    known = {entry.arguments, from_arguments(*entry.arguments)};
  }
  return known.queue;
}

engine::Session& Service::make_session() {
  engine::SessionEvents& events = *this;
  return *sessions_.emplace_back(std::make_unique<engine::Session>(client_, events));
}

void Service::end_session(engine::Session& session) {
  session.close([this, &session] {
    std::erase_if(sessions_, [&](const auto& one) { return one.get() == &session; });
  });
}

bool Service::may(const Job& job, auth::Access access, std::string_view queue) const {
  const auto directory = settings_.directory();
  const bool near = job.peer().loopback || !directory->loopback_only(settings_.user);
  return near && directory->allowed(settings_.user, settings_.vhost, access, queue);
}

bool Service::allowed(Job& job, auth::Access access, std::string_view queue) {
  if (may(job, access, queue)) return true;
  job.refuse({ErrorCode::kAccessDenied, "User: " + settings_.user +
                                            " is not authorized to perform this action on queue " +
                                            std::string(queue) + "."});
  return false;
}

std::optional<Service::Queue> Service::find(Job& job, std::string_view queue_url) {
  const auto address = parse_queue_url(queue_url);
  if (!address) {
    job.refuse({ErrorCode::kInvalidAddress,
                "The address " + std::string(queue_url) + " is not valid for this endpoint."});
    return std::nullopt;
  }
  const engine::Vhost* vhost = client_.vhost();
  std::string name(address->name);
  const engine::QueueEntry* entry =
      vhost == nullptr ? nullptr : shard_.topology().queue(*vhost, name);
  if (entry == nullptr || entry->exclusive()) {
    job.refuse({ErrorCode::kQueueDoesNotExist, {}});
    return std::nullopt;
  }
  return Queue{std::move(name), entry};
}

namespace {

template <class Action>
constexpr auth::Access access_of() {
  namespace act = action;
  if constexpr (std::is_same_v<Action, act::SendMessage> ||
                std::is_same_v<Action, act::SendMessageBatch>) {
    return auth::Access::kWrite;
  } else if constexpr (std::is_same_v<Action, act::DeleteQueue> ||
                       std::is_same_v<Action, act::SetQueueAttributes> ||
                       std::is_same_v<Action, act::TagQueue> ||
                       std::is_same_v<Action, act::UntagQueue>) {
    return auth::Access::kConfigure;
  } else {
    return auth::Access::kRead;
  }
}

}  // namespace

// An action that has no perform() is one that is not there yet.
template <class Action>
void Service::run(const JobPointer& job, const typename Action::Request& request) {
  if constexpr (requires(const Queue& queue) { perform(job, queue, request); }) {
    const auto queue = find(*job, request.queue_url);
    if (!queue || !allowed(*job, access_of<Action>(), queue->name)) return;
    if (const auto good = check_ranges(request); !good) return job->refuse(good.error());
    if constexpr (requires { request.entries; }) {
      if (const auto good = check_batch(request); !good) return job->refuse(good.error());
    }
    perform(job, *queue, request);
  } else if constexpr (requires { perform(job, request); }) {
    if (const auto good = check_ranges(request); !good) return job->refuse(good.error());
    perform(job, request);
  } else {
    job->refuse({ErrorCode::kUnsupportedOperation,
                 std::string(Action::kName) + " is not available in this version."});
  }
}

void Service::handle(http::Request request, http::Exchange exchange) {
  const auto job = std::make_shared<Job>(std::move(request), std::move(exchange), settings_);
  if (!job->read()) return;
  with_action(*job->call().action, [&]<class Action>() {
    if (const auto* members = job->members<Action>()) run<Action>(job, *members);
  });
}

}  // namespace polymq::sqs
