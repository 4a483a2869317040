// Promises of the commands to a running node: what they ask it, and how they show its answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "server/control_socket.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::cli {
namespace {

using ::testing::HasSubstr;

/// A node that notes what it is asked and says what it is told to.
class NodeCommands : public ::testing::Test {
 protected:
  void start_node() {
    const auto answer = [this](const std::string& name) {
      return [this, name](const std::string& argument, const server::ControlAnswer& done) {
        asked_ = name + " " + argument;
        done(answer_);
      };
    };
    server::ControlCommands commands;
    for (const char* name : {"set_policy", "set_operator_policy", "clear_policy",
                             "clear_operator_policy", "list_policies", "list_queues", "disk_use"}) {
      commands[name] = answer(name);
    }
    node_.emplace(io_, server::control_path(folder_.path().native()), server::SlowCommands{},
                  std::move(commands));
    ASSERT_TRUE(node_->open());
    loop_ = std::thread([this] { io_.run(); });
  }
  ~NodeCommands() override {
    io_.stop();
    if (loop_.joinable()) loop_.join();
  }

  int run(std::vector<std::string> arguments, bool with_folder = true) {
    arguments.insert(arguments.begin(), "polymq");
    if (with_folder) arguments.insert(arguments.end(), {"--data-dir", folder_.path().native()});
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = run_app(static_cast<int>(pointers.size()), pointers.data(), nullptr,
                             [](const auto&, const auto&) { return kOk; });
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return code;
  }

  storage::testing::TemporaryFolder folder_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::optional<server::ControlSocket> node_;
  std::thread loop_;
  Result<std::string> answer_ = "";
  std::string asked_;
  std::string out_;
  std::string err_;
};

TEST_F(NodeCommands, APolicyIsSetAsRabbitmqctlWouldSetIt) {
  start_node();
  EXPECT_EQ(run({"set-policy", "-p", "v", "--priority", "-3", "--apply-to", "queues", "n \"1\"",
                 "^a b", R"({"max-length": 5, "overflow":"drop-head"})"}),
            kOk)
      << err_;
  EXPECT_EQ(asked_,
            R"(set_policy {"vhost":"v","name":"n \"1\"","pattern":"^a b","apply-to":"queues",)"
            R"("priority":-3,"definition":{"max-length":5,"overflow":"drop-head"}})");
  EXPECT_EQ(out_, "");
  EXPECT_EQ(run({"set_operator_policy", "n", "", R"({"max-length":5})"}), kOk) << err_;
  EXPECT_EQ(asked_, R"(set_operator_policy {"vhost":"/","name":"n","pattern":"","apply-to":"all",)"
                    R"("priority":0,"definition":{"max-length":5}})");
  EXPECT_EQ(run({"clear-policy", "n"}), kOk);
  EXPECT_EQ(asked_, R"(clear_policy {"vhost":"/","name":"n"})");
  EXPECT_EQ(run({"clear_operator_policy", "n", "--vhost", "v"}), kOk);
  EXPECT_EQ(asked_, R"(clear_operator_policy {"vhost":"v","name":"n"})");
}

TEST_F(NodeCommands, WhatTheNodeRefusesIsSaid) {
  start_node();
  answer_ = fail("no vhost '/'");
  EXPECT_EQ(run({"clear-policy", "n"}), kFailure);
  EXPECT_EQ(err_, "polymq: no vhost '/'\n");
  EXPECT_EQ(run({"list-policies"}), kFailure);
  EXPECT_EQ(run({"set-policy", "n", "p", "{"}), kFailure);
  EXPECT_EQ(err_, "polymq: the definition is not JSON\n");
  EXPECT_EQ(run({"set-policy", "n", "p"}), kUsage);
}

TEST_F(NodeCommands, AListingIsATableOrJson) {
  start_node();
  answer_ = R"([{"name":"a\tb","messages":5,"more":{"x":1}},{"name":"\"c\\\u0007","messages":0}])";
  EXPECT_EQ(run({"list-queues", "name", "messages", "more"}), kOk) << err_;
  EXPECT_EQ(asked_, R"(list_queues {"vhost":"/","columns":["name","messages","more"]})");
  EXPECT_EQ(out_, "name\tmessages\tmore\na\\tb\t5\t{\"x\":1}\n\"c\\\\u0007\t0\t\n");
  EXPECT_EQ(run({"list_queues", "--formatter", "json", "-p", "v"}), kOk) << err_;
  EXPECT_EQ(asked_, R"(list_queues {"vhost":"v","columns":["name","messages"]})");
  EXPECT_THAT(out_, HasSubstr(R"({"name":"a\tb","messages":5},)"));
  EXPECT_EQ(run({"list-queues", "--formatter", "yaml"}), kUsage);
}

TEST_F(NodeCommands, WhatTakesTheSpaceIsToldAsByACheck) {
  start_node();
  answer_ = R"({"bytes":1000,"live":300,"dead":100,"exchanges":[],)"
            R"("queues":[{"vhost":"/","name":"q","live":300,"dead":90}]})";
  EXPECT_EQ(run({"store", "usage", folder_.path().native()}, false), kOk) << err_;
  EXPECT_EQ(out_,
            "queue 'q' of vhost '/': on disk 300 live, 90 dead\n"
            "segments have 1000 bytes: 300 live, 700 reclaimable (100 dead messages, 600 overhead "
            "and unused)\n");
}

TEST_F(NodeCommands, WithoutANodeThereIsNobodyToAsk) {
  EXPECT_EQ(run({"list-policies"}), kFailure);
  EXPECT_THAT(err_, HasSubstr("no node is listening at "));
  EXPECT_EQ(run({"store", "usage", folder_.path().native()}, false), kFailure);
  EXPECT_THAT(err_, HasSubstr("`polymq store check` tells it then"));
  EXPECT_EQ(run({"list-queues"}, false), kUsage);
  EXPECT_THAT(err_, HasSubstr("which node?"));
  EXPECT_EQ(run({"backup", "/nowhere"}, false), kUsage);
  EXPECT_THAT(err_, HasSubstr("which data folder?"));
}

TEST_F(NodeCommands, ANodeInMemoryIsAskedAtItsSocket) {
  start_node();
  answer_ = "[]";
  const std::string path = server::control_path(folder_.path().native());
  EXPECT_EQ(run({"list-queues", "--control-socket", path}, false), kOk) << err_;
  EXPECT_EQ(run({"list-queues", "--in-memory", "--control-socket", path}), kOk) << err_;
  EXPECT_EQ(run({"list-queues", "--control-socket", "/nowhere"}), kUsage) << "it has a data folder";
  EXPECT_EQ(run({"list-queues", "--control-socket", "/nowhere"}, false), kFailure);
  EXPECT_THAT(err_, HasSubstr("no node is listening at /nowhere"));
}

}  // namespace
}  // namespace polymq::cli
