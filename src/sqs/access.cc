// Who asks, what they may do, and changing that.
#include <array>
#include <chrono>

#include "base/log.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/queue_address.h"
#include "sqs/rebinding.h"
#include "sqs/redrive.h"
#include "sqs/service.h"

namespace polymq::sqs {
namespace {

/// `action` as it stands in policies and in refusals.
std::string lower(std::string_view action) {
  std::string out(action);
  for (char& c : out) c = to_lower(c);
  return out;
}

bool sets(TextMap attributes, QueueAttribute attribute) {
  for (const NamedText& entry : attributes) {
    if (entry.name == row_of(attribute).name) return true;
  }
  return false;
}

}  // namespace

SqsResult<void> Service::verify(Job& job) {
  const auto keys = settings_.keys();
  const auth::AccessKey* key = nullptr;
  const auto look_up = [&](std::string_view id) -> std::optional<AccessKey> {
    key = keys->find(id);
    if (key == nullptr) return std::nullopt;
    return AccessKey{.secret = key->secret, .session_token = {}};
  };
  // Proxies may send another Host than the client has signed.
  std::array<std::string_view, 2> hosts;
  std::size_t count = 0;
  if (!settings_.public_url.empty()) hosts[count++] = authority_of(settings_.public_url);
  if (settings_.trusts_proxy) {
    hosts[count] = job.view().header("X-Forwarded-Host");
    if (!hosts[count].empty()) ++count;
  }
  const SignatureRules rules{.other_hosts = std::span(hosts).first(count)};
  const auto scope = verifier_.verify(job.view(), look_up, rules, shard_.now().wall, job.arena());
  if (!scope) return tl::make_unexpected(scope.error());
  job.is_from(key->user, key->account.empty() ? settings_.account : key->account);
  return {};
}

SqsResult<void> Service::authenticate(Job& job) {
  SqsResult<void> known;
  if (settings_.verifies) known = verify(job);
  if (known && !job.peer().loopback && settings_.directory()->loopback_only(job.user())) {
    known = refuse(ErrorCode::kAccessDenied,
                   "User: " + job.user() + " can only connect from this machine.");
  }
  // Only a browser on this machine can be led here: others come by a name of the operator's.
  const bool is_open = !settings_.verifies && !settings_.trusts_proxy && job.peer().loopback;
  if (known && is_open && may_be_rebound(job.view(), settings_.public_url)) {
    known = refuse(ErrorCode::kAccessDenied,
                   "This may be the request of a web page. Use POST, localhost or an address, or "
                   "configure the Host as sqs.public_url.");
  }
  if (!known) log_refusal(job, known.error());
  return known;
}

void Service::log_refusal(const Job& job, const SqsError& error) {
  if (!log::enabled(log::Area::kAuth, log::Level::kWarning)) return;
  const Peer& peer = job.peer();
  const auto left_out = log_limiter_.admit(peer.address(), std::chrono::steady_clock::now());
  if (!left_out) return;
  const std::string_view reason =
      error.message.empty() ? default_message(error.code, true) : std::string_view(error.message);
  log::Line line(log::Area::kAuth, log::Level::kWarning, "a request for SQS was refused");
  line.with("peer", peer.name).with("sender", job.sender()).with("reason", reason);
  if (*left_out != 0) line.with("lines_left_out", *left_out);
}

const QueuePolicy& Service::policy(const engine::QueueEntry& entry) {
  Known& queue = known(entry);
  if (!queue.policy) {
    queue.policy = QueuePolicy::parse(queue.queue.settings.text(QueueAttribute::kPolicy));
  }
  return *queue.policy;
}

bool Service::may(const Job& job, Need need, std::string_view queue,
                  const engine::QueueEntry* entry) {
  if (settings_.verifies && entry != nullptr) {
    const Principal who{.account = job.account(), .user = job.user()};
    const Verdict verdict = policy(*entry).decide(who, need.action, queue);
    if (verdict != Verdict::kSilent) return verdict == Verdict::kAllows;
  }
  // Users of other accounts have what queues' policies give them, and nothing else.
  if (job.account() != settings_.account) return false;
  const auto directory = settings_.directory();
  const auto has = [&](auth::Access access) {
    return directory->allowed(job.user(), settings_.vhost, access, queue);
  };
  using enum auth::Access;
  return need.access ? has(*need.access) : has(kConfigure) || has(kWrite) || has(kRead);
}

bool Service::allowed(Job& job, Need need, std::string_view queue,
                      const engine::QueueEntry* entry) {
  if (may(job, need, queue, entry)) return true;
  job.refuse({ErrorCode::kAccessDenied,
              "User: " + job.user() + " is not authorized to perform: sqs:" + lower(need.action) +
                  " on resource: " + job.arn_of(queue)});
  return false;
}

bool Service::check_policies(Job& job, std::string_view queue, const QueueSettings& settings,
                             TextMap changed) {
  if (sets(changed, QueueAttribute::kPolicy)) {
    const std::string_view policy = settings.text(QueueAttribute::kPolicy);
    auto good = check_policy_limits(policy);
    if (good && settings_.verifies) good = check_denials(policy);
    if (!good) {
      job.refuse(good.error());
      return false;
    }
  }
  if (!sets(changed, QueueAttribute::kRedrivePolicy)) return true;
  const auto target = dead_letter_queue_of(settings);
  if (!target) return true;
  const auto find = [&](std::string_view name) -> const QueueSettings* {
    const engine::QueueEntry* entry = entry_of(name);
    return entry == nullptr ? nullptr : &stored(*entry).settings;
  };
  if (auto good = check_redrive(queue, settings, find); !good) {
    job.refuse(good.error());
    return false;
  }
  // Messages are sent there in the user's name.
  return allowed(job, need_of<action::SendMessage>(), *target, entry_of(*target));
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::AddPermission::Request& request) {
  StoredQueue wanted = stored(*queue.entry);
  const PermissionGrant grant{
      .label = request.label, .accounts = request.aws_account_ids, .actions = request.actions};
  const auto policy =
      add_permission(wanted.settings.text(QueueAttribute::kPolicy), grant, job->arn_of(queue.name));
  if (!policy) return job->refuse(policy.error());
  change_policy<action::AddPermission>(job, queue, std::move(wanted), *policy);
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::RemovePermission::Request& request) {
  StoredQueue wanted = stored(*queue.entry);
  const auto policy =
      remove_permission(wanted.settings.text(QueueAttribute::kPolicy), request.label);
  if (!policy) return job->refuse(policy.error());
  change_policy<action::RemovePermission>(job, queue, std::move(wanted), *policy);
}

template <class Action>
void Service::change_policy(const JobPointer& job, const Queue& queue, StoredQueue wanted,
                            std::string_view policy) {
  const NamedText attribute{row_of(QueueAttribute::kPolicy).name, policy};
  auto changed = wanted.settings.changed({&attribute, 1});
  if (!changed) return job->refuse(changed.error());
  wanted.settings = *std::move(changed);
  change(queue, std::move(wanted), [this, job](const engine::EngineResult<void>& result) {
    if (!result) return not_changed(job, result.error());
    job->answer<Action>();
  });
}

}  // namespace polymq::sqs
