// Reading, deciding and changing policies.
#include "sqs/queue_policy.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "sqs/names.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/protocol/request_view.h"
#include "sqs/queue_address.h"

namespace polymq::sqs {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostActions = 7;
constexpr std::size_t kMostBytes = 8192;
constexpr std::size_t kMostStatements = 20;
constexpr std::size_t kMostPrincipals = 50;
constexpr std::string_view kIam = "arn:aws:iam::";

constexpr std::array<std::string_view, 8> kShared{
    "ChangeMessageVisibility",    "DeleteMessage", "GetQueueAttributes", "GetQueueUrl",
    "ListDeadLetterSourceQueues", "PurgeQueue",    "ReceiveMessage",     "SendMessage"};

std::string_view text_of(const json::string& text) { return {text.data(), text.size()}; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

/// `*` stands for any letters, `?` for one. In time of the product of both sizes.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      resume = in;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[in])) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

/// A text, or all of a list of texts. False when there is anything else.
template <class Use>
bool each_text(const json::value* value, const Use& use) {
  if (value == nullptr) return false;
  if (const json::string* text = value->if_string()) return use(text_of(*text));
  const json::array* list = value->if_array();
  if (list == nullptr) return false;
  bool all = true;
  for (const json::value& element : *list) {
    const json::string* text = element.if_string();
    all = text != nullptr && use(text_of(*text)) && all;
  }
  return all;
}

/// What a queue's ARN says of its name; `*` by itself is every queue.
std::optional<std::string> queue_pattern(std::string_view arn) {
  if (arn == "*") return "*";
  for (int colons = 0; colons < 5; ++colons) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    if (colons == 2 && arn.substr(0, colon) != "sqs") return std::nullopt;
    arn.remove_prefix(colon + 1);
  }
  return std::string(arn);
}

const json::array* statements_of(const json::object& policy) {
  const json::value* found = policy.if_contains("Statement");
  return found == nullptr ? nullptr : found->if_array();
}

/// As a list, whatever it was.
json::array& statement_list(json::object& policy) {
  json::value& statements = policy["Statement"];
  if (statements.is_object()) {
    json::array list;
    list.push_back(std::move(statements));
    statements = std::move(list);
  }
  if (!statements.is_array()) statements = json::array();
  return statements.get_array();
}

bool is_labeled(const json::value& statement, std::string_view label) {
  const json::object* object = statement.if_object();
  const json::value* sid = object == nullptr ? nullptr : object->if_contains("Sid");
  return sid != nullptr && sid->is_string() && text_of(sid->get_string()) == label;
}

/// How many a statement names, of whatever kind.
std::size_t principals_of(const json::value& statement) {
  const json::object* object = statement.if_object();
  const json::value* named = object == nullptr ? nullptr : object->if_contains("Principal");
  if (named == nullptr) return 0;
  const json::object* by_kind = named->if_object();
  if (by_kind == nullptr) return 1;
  std::size_t count = 0;
  for (const auto& kind : *by_kind) {
    const json::array* list = kind.value().if_array();
    count += list == nullptr ? 1 : list->size();
  }
  return count;
}

/// One as a text, several as a list.
json::value one_or_list(const std::vector<std::string>& texts) {
  if (texts.size() == 1) return json::string(texts.front());
  json::array list;
  for (const std::string& text : texts) list.emplace_back(json::string(text));
  return list;
}

SqsResult<void> check_grant(const PermissionGrant& grant) {
  if (auto good = check_label(grant.label); !good) return good;
  if (grant.actions.size() > kMostActions) {
    return refuse(ErrorCode::kOverLimit, std::to_string(grant.actions.size()) +
                                             " Actions were found, maximum allowed is " +
                                             std::to_string(kMostActions) + ".");
  }
  for (const std::string_view action : grant.actions) {
    if (action != "*" && !may_be_shared(action)) {
      return tl::make_unexpected(permission_action_refused(action));
    }
  }
  for (const std::string_view account : grant.accounts) {
    if (!is_account(account)) {
      return tl::make_unexpected(invalid_parameter("PrincipalId", account, "Unable to verify."));
    }
  }
  return {};
}

json::object statement_of(const PermissionGrant& grant, std::string_view queue_arn) {
  std::vector<std::string> principals;
  for (const std::string_view account : grant.accounts) {
    principals.push_back(std::string(kIam) + std::string(account) + ":root");
  }
  std::vector<std::string> actions;
  for (const std::string_view action : grant.actions) {
    actions.push_back("SQS:" + std::string(action));
  }
  return {{"Sid", grant.label},
          {"Effect", "Allow"},
          {"Principal", {{"AWS", one_or_list(principals)}}},
          {"Action", one_or_list(actions)},
          {"Resource", queue_arn}};
}

}  // namespace

bool may_be_shared(std::string_view action) {
  return std::find(kShared.begin(), kShared.end(), action) != kShared.end();
}

/// Makes statements of JSON, and says what in them it does not know.
class PolicyReader {
 public:
  QueuePolicy read(std::string_view text) {
    QueuePolicy policy;
    const auto object = parse_object(text);
    if (!object) return policy;
    const json::value* only = object->if_contains("Statement");
    if (only != nullptr && only->is_object()) add(*only, policy);
    if (const json::array* all = statements_of(*object)) {
      for (const json::value& statement : *all) add(statement, policy);
    }
    return policy;
  }
  /// Of the first statement that denies something it does not know; else empty.
  const std::string& unknown_denial() const { return unknown_denial_; }

 private:
  void add(const json::value& value, QueuePolicy& policy) {
    const json::object* object = value.if_object();
    const json::value* effect = object == nullptr ? nullptr : object->if_contains("Effect");
    const bool denies = effect != nullptr && *effect == "Deny";
    if (!denies && (effect == nullptr || *effect != "Allow")) return;
    unknown_.clear();
    QueuePolicy::Statement statement{.denies = denies,
                                     .for_everybody = false,
                                     .accounts = {},
                                     .users = {},
                                     .actions = {},
                                     .queues = {}};
    for (const auto& member : *object) {
      const std::string_view name(member.key().data(), member.key().size());
      constexpr std::array<std::string_view, 5> kKnown{"Sid", "Effect", "Principal", "Action",
                                                       "Resource"};
      if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) unknown_ = name;
    }
    read_principal(object->if_contains("Principal"), statement);
    if (!each_text(object->if_contains("Action"),
                   [&](std::string_view action) { return read_action(action, statement); })) {
      unknown_ = "Action";
      statement.actions = {"*"};
    }
    if (!each_text(object->if_contains("Resource"), [&](std::string_view arn) {
          const auto pattern = queue_pattern(arn);
          if (pattern) statement.queues.push_back(*pattern);
          return pattern.has_value();
        })) {
      unknown_ = "Resource";
      statement.queues = {"*"};
    }
    if (!unknown_.empty() && !denies) return;
    if (!unknown_.empty() && unknown_denial_.empty()) unknown_denial_ = unknown_;
    policy.statements_.push_back(std::move(statement));
  }

  static bool read_action(std::string_view action, QueuePolicy::Statement& statement) {
    std::string pattern = lower(action);
    if (pattern.starts_with("sqs:")) {
      pattern.erase(0, 4);
    } else if (pattern != "*") {
      return false;
    }
    statement.actions.push_back(std::move(pattern));
    return true;
  }

  void read_principal(const json::value* value, QueuePolicy::Statement& statement) {
    const json::object* by_kind = value == nullptr ? nullptr : value->if_object();
    const json::value* whom = by_kind == nullptr ? value : by_kind->if_contains("AWS");
    const bool is_known =
        (by_kind == nullptr || by_kind->size() == 1) &&
        each_text(whom, [&](std::string_view principal) {
          return (by_kind != nullptr || principal == "*") && read_principal(principal, statement);
        });
    if (is_known) return;
    unknown_ = "Principal";
    statement.for_everybody = true;
  }
  static bool read_principal(std::string_view text, QueuePolicy::Statement& statement) {
    if (text == "*") {
      statement.for_everybody = true;
      return true;
    }
    if (text.starts_with(kIam)) {
      text.remove_prefix(kIam.size());
      const std::size_t colon = std::min(text.find(':'), text.size());
      const std::string_view account = text.substr(0, colon);
      const std::string_view rest = text.substr(colon);
      constexpr std::string_view kUser = ":user/";
      if (is_account(account) && rest.starts_with(kUser) && rest.size() > kUser.size()) {
        statement.users.emplace_back(account, rest.substr(kUser.size()));
        return true;
      }
      if (rest != ":root") return false;
      text = account;
    }
    if (is_account(text)) statement.accounts.emplace_back(text);
    return is_account(text);
  }

  std::string unknown_;  // of the statement that is being read
  std::string unknown_denial_;
};

QueuePolicy QueuePolicy::parse(std::string_view json) { return PolicyReader().read(json); }

bool QueuePolicy::Statement::applies(const Principal& who, std::string_view action,
                                     std::string_view queue) const {
  const auto some = [](const std::vector<std::string>& patterns, std::string_view text) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return matches(pattern, text); });
  };
  const bool is_meant =
      for_everybody || std::find(accounts.begin(), accounts.end(), who.account) != accounts.end() ||
      std::any_of(users.begin(), users.end(), [&](const auto& user) {
        return user.first == who.account && user.second == who.user;
      });
  return is_meant && some(actions, lower(action)) && some(queues, queue);
}

Verdict QueuePolicy::decide(const Principal& who, std::string_view action,
                            std::string_view queue) const {
  Verdict verdict = Verdict::kSilent;
  for (const Statement& statement : statements_) {
    if (!statement.applies(who, action, queue)) continue;
    if (statement.denies) return Verdict::kDenies;
    if (may_be_shared(action)) verdict = Verdict::kAllows;
  }
  return verdict;
}

SqsResult<void> check_denials(std::string_view json) {
  PolicyReader reader;
  reader.read(json);
  if (reader.unknown_denial().empty()) return {};
  return tl::make_unexpected(invalid_parameter(
      "Policy", json,
      "A statement that denies has a " + reader.unknown_denial() + " that is not supported."));
}

SqsResult<void> check_policy_limits(std::string_view json) {
  if (json.size() > kMostBytes) {
    return refuse(ErrorCode::kOverLimit, "A policy has at most 8192 bytes.");
  }
  auto policy = parse_object(json);
  if (!policy) return {};
  const json::array& statements = statement_list(*policy);
  if (statements.size() > kMostStatements) {
    return refuse(ErrorCode::kOverLimit, "A policy has at most 20 statements.");
  }
  std::size_t principals = 0;
  for (const json::value& statement : statements) principals += principals_of(statement);
  if (principals > kMostPrincipals) {
    return refuse(ErrorCode::kOverLimit, "A policy has at most 50 principals.");
  }
  return {};
}

SqsResult<std::string> add_permission(std::string_view text, const PermissionGrant& grant,
                                      std::string_view queue_arn) {
  if (auto good = check_grant(grant); !good) return tl::make_unexpected(std::move(good.error()));
  auto known = parse_object(text);
  json::object policy = known ? *std::move(known)
                              : json::object{{"Version", "2008-10-17"},
                                             {"Id", std::string(queue_arn) + "/SQSDefaultPolicy"}};
  json::array& statements = statement_list(policy);
  for (const json::value& statement : statements) {
    if (is_labeled(statement, grant.label)) {
      return tl::make_unexpected(label_exists(grant.label));
    }
  }
  statements.push_back(statement_of(grant, queue_arn));
  std::string changed = json::serialize(policy);
  if (auto good = check_policy_limits(changed); !good) {
    return tl::make_unexpected(std::move(good.error()));
  }
  return changed;
}

SqsResult<std::string> remove_permission(std::string_view text, std::string_view label) {
  if (auto good = check_label(label); !good) return tl::make_unexpected(std::move(good.error()));
  auto policy = parse_object(text);
  if (!policy) return tl::make_unexpected(label_unknown(label));
  json::array& statements = statement_list(*policy);
  auto* const found = std::find_if(statements.begin(), statements.end(),
                                   [&](const auto& each) { return is_labeled(each, label); });
  if (found == statements.end()) return tl::make_unexpected(label_unknown(label));
  statements.erase(found);
  return statements.empty() ? std::string() : json::serialize(*policy);
}

}  // namespace polymq::sqs
