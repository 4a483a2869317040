// Promises of policies: who may do what, and how permissions come and go.
#include "sqs/queue_policy.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace polymq::sqs {
namespace {

using testing::HasSubstr;

constexpr Principal kShop{"000000000000", "shop"};
constexpr Principal kPartner{"111122223333", "partner"};
constexpr std::string_view kArn = "arn:aws:sqs:us-east-1:000000000000:orders";

std::string policy(std::string_view statements) {
  return R"({"Version":"2012-10-17","Statement":[)" + std::string(statements) + "]}";
}

std::string statement(std::string_view effect, std::string_view principal, std::string_view action,
                      std::string_view resource = R"("*")", std::string_view more = "") {
  std::string text = R"({"Effect":")";
  text.append(effect).append(R"(","Principal":)").append(principal);
  text.append(R"(,"Action":)").append(action);
  text.append(R"(,"Resource":)").append(resource).append(more).append("}");
  return text;
}

Verdict decide(const std::string& json, const Principal& who, std::string_view action,
               std::string_view queue = "orders") {
  return QueuePolicy::parse(json).decide(who, action, queue);
}

TEST(QueuePolicy, MeansThoseWhomItNames) {
  const auto of = [](std::string_view principal, const Principal& who) {
    return decide(policy(statement("Allow", principal, R"("SQS:SendMessage")")), who,
                  "SendMessage") == Verdict::kAllows;
  };
  for (const char* everybody : {R"("*")", R"({"AWS":"*"})", R"({"AWS":["1","*"]})"}) {
    const bool is_known = std::string_view(everybody).find('1') == std::string_view::npos;
    EXPECT_EQ(of(everybody, kShop), is_known) << everybody;
    EXPECT_EQ(of(everybody, kPartner), is_known) << everybody;
  }
  for (const char* account : {R"({"AWS":"111122223333"})", R"({"AWS":["111122223333"]})",
                              R"({"AWS":["arn:aws:iam::111122223333:root","444455556666"]})",
                              R"({"AWS":"arn:aws:iam::111122223333:user/partner"})"}) {
    EXPECT_TRUE(of(account, kPartner)) << account;
    EXPECT_FALSE(of(account, kShop)) << account;
  }
  for (const char* nobody :
       {R"({"AWS":"arn:aws:iam::111122223333:user/other"})", R"({"Service":"sns.amazonaws.com"})",
        R"({"AWS":"*","Service":"s"})", R"({"AWS":7})", R"("111122223333")", "null", "[]",
        R"({"AWS":"arn:aws:iam::111122223333:role/partner"})",
        R"({"AWS":"arn:aws:iam::111122223333:user/"})", R"({"AWS":"1111222233334"})"}) {
    EXPECT_FALSE(of(nobody, kPartner)) << nobody;
  }
}

TEST(QueuePolicy, MeansTheActionsThatItNames) {
  const auto of = [](std::string_view action, std::string_view asked) {
    return decide(policy(statement("Allow", R"("*")", action)), kPartner, asked) ==
           Verdict::kAllows;
  };
  for (const char* sends : {R"("SQS:SendMessage")", R"("sqs:sendmessage")", R"("SQS:*")", R"("*")",
                            R"("sqs:Send*")", R"(["sqs:GetQueueUrl","sqs:SendMessage"])"}) {
    EXPECT_TRUE(of(sends, "SendMessage")) << sends;
  }
  for (const char* other : {R"("SQS:ReceiveMessage")", R"("SendMessage")", R"("s3:*")", R"("")",
                            R"("sqs:SendMessageBatch")", "7", R"(["sqs:SendMessage",7])"}) {
    EXPECT_FALSE(of(other, "SendMessage")) << other;
  }
  EXPECT_FALSE(of(R"("SQS:*")", "SetQueueAttributes")) << "its owner only";
  EXPECT_FALSE(of(R"("SQS:*")", "DeleteQueue"));
}

TEST(QueuePolicy, MeansTheQueuesThatItNames) {
  const auto of = [](std::string_view resource, std::string_view queue = "orders") {
    return decide(policy(statement("Allow", R"("*")", R"("SQS:*")", resource)), kPartner,
                  "SendMessage", queue) == Verdict::kAllows;
  };
  EXPECT_TRUE(of(R"("*")"));
  EXPECT_TRUE(of(R"("arn:aws:sqs:eu-west-1:000000000000:orders")")) << "queues have no region";
  EXPECT_TRUE(of(R"("arn:aws:sqs:*:*:ord*")"));
  EXPECT_TRUE(of(R"(["arn:aws:sqs:us-east-1:000000000000:a","arn:aws:sqs:a:b:orders"])"));
  EXPECT_TRUE(of(R"("arn:aws:sqs:us-east-1:000000000000:?rders")"));
  EXPECT_FALSE(of(R"("arn:aws:sqs:us-east-1:000000000000:order")"));
  EXPECT_FALSE(of(R"("arn:aws:sns:us-east-1:000000000000:orders")"));
  EXPECT_FALSE(of(R"("orders")"));
}

TEST(QueuePolicy, ADenialWinsWhateverStandsFirst) {
  const std::string allow = statement("Allow", R"("*")", R"("SQS:*")");
  const std::string deny = statement("Deny", R"({"AWS":"111122223333"})", R"("SQS:SendMessage")");
  for (const auto& both : {allow + "," + deny, deny + "," + allow}) {
    EXPECT_EQ(decide(policy(both), kPartner, "SendMessage"), Verdict::kDenies);
    EXPECT_EQ(decide(policy(both), kPartner, "ReceiveMessage"), Verdict::kAllows);
    EXPECT_EQ(decide(policy(both), kShop, "SendMessage"), Verdict::kAllows);
  }
  EXPECT_EQ(decide(policy(statement("Deny", R"("*")", R"("SQS:*")")), kShop, "DeleteQueue"),
            Verdict::kDenies)
      << "also what only its owner may do";
}

TEST(QueuePolicy, WhatItDoesNotKnowAllowsNothingAndDeniesAllTheSame) {
  constexpr std::string_view kCondition = R"(,"Condition":{"Bool":{"aws:SecureTransport":true}})";
  EXPECT_EQ(decide(policy(statement("Allow", R"("*")", R"("SQS:*")", R"("*")", kCondition)), kShop,
                   "SendMessage"),
            Verdict::kSilent);
  const std::string denial =
      policy(statement("Deny", R"("*")", R"("SQS:SendMessage")", R"("*")", kCondition));
  EXPECT_EQ(decide(denial, kShop, "SendMessage"), Verdict::kDenies);
  EXPECT_EQ(decide(denial, kShop, "ReceiveMessage"), Verdict::kSilent);
  EXPECT_EQ(decide(policy(R"({"Effect":"Deny","NotPrincipal":"*","NotAction":"x","Resource":"*"})"),
                   kShop, "SendMessage"),
            Verdict::kDenies);
  for (const char* none : {"", "[]", "{}", R"({"Statement":7})", R"({"Statement":[7,{}]})",
                           R"({"Statement":[{"Effect":"Maybe","Principal":"*","Action":"*"}]})"}) {
    EXPECT_EQ(decide(none, kShop, "SendMessage"), Verdict::kSilent) << none;
  }
  EXPECT_EQ(decide(R"({"Statement":)" + statement("Allow", R"("*")", R"("SQS:*")") + "}", kShop,
                   "SendMessage"),
            Verdict::kAllows)
      << "one by itself";
}

TEST(QueuePolicy, DenialsThatCannotBeDecidedAreTold) {
  EXPECT_TRUE(check_denials(policy(statement("Deny", R"("*")", R"("SQS:*")"))));
  EXPECT_TRUE(check_denials(policy(statement("Allow", "7", "7", "7", R"(,"Condition":{})"))));
  const std::vector<std::pair<std::string, std::string_view>> cases{
      {statement("Deny", R"("*")", R"("SQS:*")", R"("*")", R"(,"Condition":{})"), "Condition"},
      {statement("Deny", R"({"Service":"s"})", R"("SQS:*")"), "Principal"},
      {statement("Deny", R"("*")", R"("s3:*")"), "Action"},
      {statement("Deny", R"("*")", R"("SQS:*")", R"("orders")"), "Resource"}};
  for (const auto& [text, what] : cases) {
    const auto checked = check_denials(policy(text));
    ASSERT_FALSE(checked) << text;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidParameterValue);
    EXPECT_THAT(checked.error().message, HasSubstr(what));
  }
}

TEST(QueuePolicy, HasLimits) {
  const auto is_refused = [](const std::string& json) {
    const auto checked = check_policy_limits(json);
    EXPECT_TRUE(checked || checked.error().code == ErrorCode::kOverLimit);
    return !checked;
  };
  const auto repeated = [](std::string_view text, int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list.append(i == 0 ? "" : ",").append(text);
    return list;
  };
  const auto with_statements = [&](int count) {
    return R"({"Statement":[)" + repeated(R"({"Effect":"Allow"})", count) + "]}";
  };
  EXPECT_FALSE(is_refused(with_statements(20)));
  EXPECT_TRUE(is_refused(with_statements(21)));
  const auto with_principals = [&](int count) {
    return policy(R"({"Principal":{"AWS":[)" + repeated(R"("111122223333")", count) + "]}}" +
                  R"(,{"Principal":"*"},{"Principal":{"AWS":"*","Service":"s"}},{},7)");
  };
  EXPECT_FALSE(is_refused(with_principals(47)));
  EXPECT_TRUE(is_refused(with_principals(48)));
  EXPECT_FALSE(is_refused(std::string(8192, ' ')));
  EXPECT_TRUE(is_refused(std::string(8193, ' ')));
  EXPECT_FALSE(is_refused("")) << "it is cleared";
}

SqsResult<std::string> add(std::string_view json, std::string_view label,
                           std::vector<std::string_view> accounts,
                           std::vector<std::string_view> actions) {
  return add_permission(json, {label, accounts, actions}, kArn);
}

TEST(Permissions, AreStatementsOfThePolicy) {
  const auto one = add("", "send", {"111122223333"}, {"SendMessage"});
  ASSERT_TRUE(one);
  EXPECT_EQ(boost::json::parse(*one), boost::json::parse(R"({
      "Version": "2008-10-17",
      "Id": "arn:aws:sqs:us-east-1:000000000000:orders/SQSDefaultPolicy",
      "Statement": [{"Sid": "send", "Effect": "Allow",
                     "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                     "Action": "SQS:SendMessage",
                     "Resource": "arn:aws:sqs:us-east-1:000000000000:orders"}]})"));
  const auto two = add(*one, "more", {"111122223333", "444455556666"}, {"*", "PurgeQueue"});
  ASSERT_TRUE(two);
  const auto parsed = boost::json::parse(*two);
  EXPECT_EQ(
      parsed.at("Statement").at(1).at("Principal").at("AWS"),
      boost::json::parse(R"(["arn:aws:iam::111122223333:root","arn:aws:iam::444455556666:root"])"));
  EXPECT_EQ(parsed.at("Statement").at(1).at("Action"),
            boost::json::parse(R"(["SQS:*","SQS:PurgeQueue"])"));
  EXPECT_EQ(decide(*one, kPartner, "SendMessage"), Verdict::kAllows);
  EXPECT_EQ(decide(*one, kPartner, "ReceiveMessage"), Verdict::kSilent);
  EXPECT_EQ(decide(*two, kPartner, "ReceiveMessage"), Verdict::kAllows);
  EXPECT_EQ(remove_permission(*two, "more").value(), *one);
  EXPECT_EQ(remove_permission(*one, "send").value(), "");
}

TEST(Permissions, JoinAPolicyWithOneStatementByItself) {
  const std::string known = R"({"Statement":{"Sid":"mine","Effect":"Deny"}})";
  const auto both = add(known, "send", {"111122223333"}, {"SendMessage"});
  EXPECT_EQ(boost::json::parse(both.value()).at("Statement").as_array().size(), 2u);
  EXPECT_FALSE(add(known, "mine", {"111122223333"}, {"SendMessage"}));
}

TEST(Permissions, HaveLimits) {
  const auto refused = [](const SqsResult<std::string>& result) {
    return result ? "none" : std::string(row_of(result.error().code).query_code);
  };
  const std::string one = add("", "send", {"111122223333"}, {"SendMessage"}).value();
  EXPECT_EQ(refused(add(one, "send", {"111122223333"}, {"SendMessage"})), "InvalidParameterValue");
  EXPECT_EQ(refused(add("", "not legal", {"111122223333"}, {"*"})), "InvalidParameterValue");
  EXPECT_EQ(refused(add("", std::string(81, 'a'), {"111122223333"}, {"*"})),
            "InvalidParameterValue");
  EXPECT_EQ(refused(add("", "a", {"12"}, {"*"})), "InvalidParameterValue");
  for (const char* action : {"CreateQueue", "DeleteQueue", "SetQueueAttributes", "AddPermission",
                             "SendMessageBatch", "sendmessage", "SQS:SendMessage", ""}) {
    EXPECT_EQ(refused(add("", "a", {"111122223333"}, {action})), "InvalidParameterValue") << action;
  }
  std::vector<std::string_view> actions(7, "SendMessage");
  EXPECT_EQ(refused(add("", "a", {"111122223333"}, actions)), "none");
  actions.emplace_back("PurgeQueue");
  EXPECT_EQ(refused(add("", "a", {"111122223333"}, actions)), "OverLimit");
  const std::vector<std::string_view> accounts(51, "111122223333");
  EXPECT_EQ(refused(add("", "a", accounts, {"*"})), "OverLimit");
  std::string policy;
  for (int i = 0; i < 20; ++i) {
    policy = add(policy, "l" + std::to_string(i), {"111122223333"}, {"*"}).value();
  }
  EXPECT_EQ(refused(add(policy, "l20", {"111122223333"}, {"*"})), "OverLimit");
  EXPECT_EQ(refused(remove_permission(one, "other")), "InvalidParameterValue");
  EXPECT_EQ(refused(remove_permission("", "send")), "InvalidParameterValue");
  EXPECT_EQ(refused(remove_permission("{}", "send")), "InvalidParameterValue");
  EXPECT_EQ(refused(remove_permission(one, "")), "InvalidParameterValue");
}

}  // namespace
}  // namespace polymq::sqs
