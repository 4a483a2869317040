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

Service::Known& Service::known(const engine::QueueEntry& entry) {
  constexpr std::size_t kMost = 4096;
  if (stored_.size() > kMost) stored_.clear();
  Known& known = stored_[entry.id];
  if (known.arguments != entry.arguments) {
    known = {entry.arguments, from_arguments(*entry.arguments), std::nullopt};
  }
  return known;
}

const engine::QueueEntry* Service::any_entry_of(std::string_view name) {
  const engine::Vhost* vhost = client_.vhost();
  return vhost == nullptr ? nullptr : shard_.topology().queue(*vhost, std::string(name));
}

const engine::QueueEntry* Service::entry_of(std::string_view name) {
  const engine::QueueEntry* entry = any_entry_of(name);
  return entry == nullptr || !is_for_sqs(*entry) ? nullptr : entry;
}

bool Service::is_for_sqs(const engine::QueueEntry& entry) {
  return !entry.exclusive() && is_queue_name(entry.name);
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

std::optional<Service::Queue> Service::find(Job& job, std::string_view queue_url) {
  if (queue_url.empty()) {
    job.refuse(missing_parameter("QueueUrl"));
    return std::nullopt;
  }
  const auto address = parse_queue_url(queue_url);
  if (!address) {
    job.refuse({ErrorCode::kInvalidAddress,
                "The address " + std::string(queue_url) + " is not valid for this endpoint."});
    return std::nullopt;
  }
  return find_named(job, address->name);
}

std::optional<Service::Queue> Service::find_named(Job& job, std::string_view name) {
  const engine::QueueEntry* entry = entry_of(name);
  if (entry != nullptr) return Queue{std::string(name), entry};
  job.refuse({ErrorCode::kQueueDoesNotExist, {}});
  return std::nullopt;
}

// An action that has no perform() is one that is not there yet.
template <class Action>
void Service::run(const JobPointer& job, const typename Action::Request& request) {
  if constexpr (requires(const Queue& queue) { perform(job, queue, request); }) {
    const auto queue = find(*job, request.queue_url);
    if (!queue || !allowed(*job, need_of<Action>(), queue->name, queue->entry)) return;
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
  const auto read = job->read();
  if (const auto known = authenticate(*job); !known) return job->refuse(known.error());
  if (!read) return job->refuse(read.error());
  with_action(*job->call().action, [&]<class Action>() {
    const auto* members = job->members<Action>();
    if (members == nullptr) return;
    job->begin(job, [this, members](const JobPointer& self) { run<Action>(self, *members); });
  });
}

}  // namespace polymq::sqs
