// A queue's Policy attribute: statements that AddPermission writes, and what they decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sqs/protocol/error.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

/// Who asks, as policies know them. Views.
struct Principal {
  std::string_view account;  // 12 digits
  std::string_view user;
};

enum class Verdict : std::uint8_t { kSilent, kAllows, kDenies };

/// What can be decided of a policy: statements of Effect, Principal, Action and Resource.
///
/// Principal is `*`, or AWS with one or a list of: `*`, an account's 12 digits or
/// arn:aws:iam::ACCOUNT:root, which are all users of that account, arn:aws:iam::ACCOUNT:user/NAME.
/// Action is `SQS:Name` in any case or with wildcards; batch actions go by the name of the single
/// ones. Resource is `*` or queue ARNs, of which only the name counts: wildcards, too.
///
/// A statement that allows and says anything else (Condition, NotAction, a service, ...) allows
/// nothing. In one that denies what is not understood counts as fulfilled.
class QueuePolicy {
 public:
  /// Of a policy that is JSON; anything else is as none.
  static QueuePolicy parse(std::string_view json);

  /// kDenies wins over kAllows. `action` is a name without a prefix; a policy allows only what
  /// may_be_shared(), and may deny everything.
  Verdict decide(const Principal& who, std::string_view action, std::string_view queue) const;

 private:
  struct Statement {
    bool denies = false;
    bool for_everybody = false;
    std::vector<std::string> accounts;
    std::vector<std::pair<std::string, std::string>> users;  // account and name
    std::vector<std::string> actions;                        // patterns in lower case
    std::vector<std::string> queues;                         // patterns of names
    bool applies(const Principal& who, std::string_view action, std::string_view queue) const;
  };
  friend class PolicyReader;
  std::vector<Statement> statements_;
};

/// Actions that others than the queue's owner may be allowed.
bool may_be_shared(std::string_view action);

/// Can all that this policy denies be decided? Error: kInvalidParameterValue, with the policy and
/// what in it is not understood.
SqsResult<void> check_denials(std::string_view json);

/// At most 8192 bytes, 20 statements and 50 principals. Of what is no JSON object only the size
/// counts. Error: kOverLimit.
SqsResult<void> check_policy_limits(std::string_view json);

struct PermissionGrant {
  std::string_view label;
  TextList accounts;  // not empty
  TextList actions;   // not empty: `*` or names that may be shared
};
/// The policy with a statement more. `json` is empty without one. Errors: kInvalidParameterValue,
/// kOverLimit.
SqsResult<std::string> add_permission(std::string_view json, const PermissionGrant& grant,
                                      std::string_view queue_arn);
/// The policy without that statement; empty when it was the last. Error: kInvalidParameterValue.
SqsResult<std::string> remove_permission(std::string_view json, std::string_view label);

}  // namespace polymq::sqs
