// SQS on one shard: requests become calls of the engine, its completions become answers.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_limiter.h"
#include "base/sliding_window.h"
#include "engine/move_order.h"
#include "engine/session.h"
#include "engine/shard.h"
#include "http/service.h"
#include "sqs/attribute_selection.h"
#include "sqs/digests.h"
#include "sqs/job.h"
#include "sqs/need.h"
#include "sqs/new_queue.h"
#include "sqs/queue_policy.h"
#include "sqs/receipt_handle.h"
#include "sqs/settings.h"
#include "sqs/sigv4.h"
#include "sqs/stored_queue.h"

namespace polymq::sqs {

/// Shard: its own. Must be closed before its shard ends.
class Service final : public http::Service,
                      private engine::ClientEvents,
                      private engine::SessionEvents {
 public:
  /// `settings` must outlive it.
  Service(engine::Shard& shard, const Settings& settings);
  ~Service() override;

  void handle(http::Request request, http::Exchange exchange) override;
  /// Who waits for messages is answered now.
  void shutting_down() override;

  /// Makes these queues; those that are there already get the attributes and tags that are given
  /// here and keep the others. Nothing is done when one of them cannot be had. Shard: control's.
  void provide(const std::vector<ConfiguredQueue>& queues, std::function<void(Result<void>)> done);

 private:
  using JobPointer = std::shared_ptr<Job>;
  struct Queue {
    std::string name;
    const engine::QueueEntry* entry;  // valid until the next turn
  };
  struct Sending;
  /// A page of a list of queues.
  struct Page {
    std::vector<std::string> urls;
    std::vector<std::string_view> views;  // into urls
    std::string next;                     // empty: there are no more, or they were not asked for
  };
  /// Of what is received, besides the request.
  struct Asked {
    SystemAttributeSet system;
    bool is_fifo;
  };

  template <class Action>
  void run(const JobPointer& job, const typename Action::Request& request);

  // Who asks, and may they?
  /// Finds out whose request it is. Errors: those of signatures, kAccessDenied.
  SqsResult<void> authenticate(Job& job);
  SqsResult<void> verify(Job& job);
  void log_refusal(const Job& job, const SqsError& error);
  /// By the user's permissions, and by the policy of the queue if it is there already.
  bool may(const Job& job, Need need, std::string_view queue, const engine::QueueEntry* entry);
  /// The same. False: the job was refused.
  bool allowed(Job& job, Need need, std::string_view queue, const engine::QueueEntry* entry);
  /// What a queue's attributes say about other queues and its own policy. False: it was refused.
  bool check_policies(Job& job, std::string_view queue, const QueueSettings& settings,
                      TextMap changed);

  // Queues.
  struct Known {
    std::shared_ptr<const engine::Fields> arguments;
    StoredQueue queue;
    std::optional<QueuePolicy> policy;  // once it was asked for
  };
  Known& known(const engine::QueueEntry& entry);
  /// Its attributes and tags, and its policy; valid until the next call.
  const StoredQueue& stored(const engine::QueueEntry& entry) { return known(entry).queue; }
  const QueuePolicy& policy(const engine::QueueEntry& entry);
  /// Null: there is none. Of the other: or it is not there for SQS.
  const engine::QueueEntry* any_entry_of(std::string_view name);
  const engine::QueueEntry* entry_of(std::string_view name);
  /// Of those that AMQP declared, all but exclusive ones and those whose name SQS could not say.
  /// Whether it is a FIFO queue, its arguments tell, not its name.
  static bool is_for_sqs(const engine::QueueEntry& entry);
  /// The one that a QueueUrl means, or of that name. Nothing: the job was refused.
  std::optional<Queue> find(Job& job, std::string_view queue_url);
  std::optional<Queue> find_named(Job& job, std::string_view name);
  void perform(const JobPointer& job, const action::CreateQueue::Request& request);
  void perform(const JobPointer& job, const action::GetQueueUrl::Request& request);
  void perform(const JobPointer& job, const action::ListQueues::Request& request);
  void perform(const JobPointer& job, const Queue& queue, const action::DeleteQueue::Request&);
  void perform(const JobPointer& job, const Queue& queue, const action::PurgeQueue::Request&);
  void perform(const JobPointer& job, const Queue& queue,
               const action::GetQueueAttributes::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::SetQueueAttributes::Request& request);
  void perform(const JobPointer& job, const Queue& queue, const action::TagQueue::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::UntagQueue::Request& request);
  void perform(const JobPointer& job, const Queue& queue, const action::ListQueueTags::Request&);
  void perform(const JobPointer& job, const Queue& queue,
               const action::AddPermission::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::RemovePermission::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::ListDeadLetterSourceQueues::Request& request);
  /// The queues whose dead letters go to that one.
  std::vector<std::string> dead_letter_sources(const Queue& queue);
  void perform(const JobPointer& job, const action::StartMessageMoveTask::Request& request);
  void perform(const JobPointer& job, const action::ListMessageMoveTasks::Request& request);
  void perform(const JobPointer& job, const action::CancelMessageMoveTask::Request& request);
  /// The queue of that ARN. Nothing: the job was refused.
  std::optional<Queue> resource(Job& job, std::string_view arn, std::string_view parameter);
  /// What the request asks for. Nothing: the job was refused.
  std::optional<engine::MoveOrder> new_order(Job& job, const Queue& source,
                                             const action::StartMessageMoveTask::Request& request);
  void give_order(const JobPointer& job, const Queue& source, const engine::MoveOrder& order);
  void note_cancelled(const JobPointer& job, const std::string& source, const std::string& id,
                      std::int64_t moved);
  static void answer_tasks(Job& job, const std::string& source,
                           const std::vector<engine::MoveOrder>& orders);
  /// Those after `token`, in the order of their names; at most `most` of them if that is given.
  static Page page_of(const Job& job, std::vector<std::string> names, OptionalText token,
                      OptionalInteger most);
  void answer_known(Job& job, const engine::QueueEntry& entry, const QueueSettings& asked);
  void make(const std::string& name, const StoredQueue& queue, engine::Completion<void> done);
  void change(const Queue& queue, StoredQueue changed, engine::Completion<void> done);
  /// It was not done: it is tried again if others were faster, else the job is refused.
  void not_changed(const JobPointer& job, const engine::EngineError& error);
  /// With the answer to the action.
  template <class Action>
  void change(const JobPointer& job, const Queue& queue, StoredQueue changed);
  template <class Action>
  void change_policy(const JobPointer& job, const Queue& queue, StoredQueue wanted,
                     std::string_view policy);

  // Messages.
  void perform(const JobPointer& job, const Queue& queue,
               const action::SendMessage::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::SendMessageBatch::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::ReceiveMessage::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::DeleteMessage::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::DeleteMessageBatch::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::ChangeMessageVisibility::Request& request);
  void perform(const JobPointer& job, const Queue& queue,
               const action::ChangeMessageVisibilityBatch::Request& request);
  void start_sending(const JobPointer& job, const Queue& queue,
                     std::span<const action::SendMessageBatch::Entry> entries, bool batch);
  void note_place(const engine::PublishPlace& place);
  void finish_sending(Sending& sending);
  void answer_received(Job& job, const action::ReceiveMessage::Request& request, const Asked& asked,
                       const engine::ReceivedMessages& received);
  /// Its client has gone: as if it had not been handed out.
  void give_back(const std::string& queue, const engine::ReceivedMessages& received);
  /// How good a receipt handle must be to delete, or to change a lease.
  engine::Freshness freshness_of(const Queue& queue, engine::Freshness of_standard_queues);
  SqsResult<engine::LeaseToken> token_of(const Queue& queue, std::string_view handle);

  /// A session for something that may be refused: control hears no more of it then.
  engine::Session& make_session();
  void end_session(engine::Session& session);

  // --- engine ---
  void on_alarm(bool) override {}  // it is looked at when somebody sends
  void on_vhost_removed() override {}
  void on_deliveries(const engine::DeliveryRun&, const engine::DeliveryItem*) override {}
  void on_publishes_settled() override;
  void on_consumer_gone(std::uint32_t) override {}
  void on_direct_message(const engine::Message&) override {}

  engine::Shard& shard_;
  const Settings& settings_;
  Digests digests_;
  ReceiptHandles handles_;
  engine::Client client_;
  engine::Session session_;  // of messages
  std::vector<std::unique_ptr<engine::Session>> sessions_;
  struct Owed {
    std::shared_ptr<Sending> sending;
    std::size_t entry;
  };
  SlidingWindow<Owed> sending_;  // by sequence
  boost::unordered_flat_map<engine::QueueId, Known> stored_;
  SignatureVerifier verifier_;
  LogLimiter log_limiter_;
  boost::unordered_flat_set<Job*> receiving_;
  bool closing_ = false;  // nobody waits any more
};

}  // namespace polymq::sqs
