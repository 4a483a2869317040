// Promises of the control socket: a line is asked and a line answered, for the owner only, without
// holding up the loop; a client that leaves, and a node that stops, end what takes long.
#include "server/control_socket.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>

namespace polymq::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ControlSocketTest : public ::testing::Test {
 protected:
  ControlSocketTest() {
    std::string path = ::testing::TempDir() + "polymq_control_XXXXXX";
    folder_ = ::mkdtemp(path.data());
    SlowCommands slow;
    slow["backup"] = [this](const std::string& target, const std::atomic<bool>& stop) {
      return back_up(target, stop);
    };
    control_.emplace(io_, control_path(folder_), std::move(slow), commands());
    opened_ = control_->open().has_value();
    loop_ = std::thread([this] { io_.run(); });
  }
  ~ControlSocketTest() override {
    end();
    std::filesystem::remove_all(folder_);
  }
  void end() {
    if (!loop_.joinable()) return;
    on_loop([&] { control_->close(); });
    io_.stop();
    loop_.join();
    control_.reset();
  }
  template <class Do>
  void on_loop(Do what) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      what();
      done.set_value();
    });
    done.get_future().get();
  }
  /// Takes its time when it is asked for "slow".
  Result<std::string> back_up(const std::string& target, const std::atomic<bool>& stop) {
    if (target == "/full") return fail("the disk\nis full");
    if (target != "/slow") return "made " + target;
    begun_.set_value();
    while (!stop) std::this_thread::sleep_for(1ms);
    stopped_.set_value();
    return fail("stopped");
  }
  ControlCommands commands() {
    return {{"repeat", [](const std::string& text, const ControlAnswer& answer) { answer(text); }},
            {"refuse", [](const std::string& text,
                          const ControlAnswer& answer) { answer(fail("not " + text)); }},
            {"later", [this](const std::string&, ControlAnswer answer) {
               later_ = std::move(answer);
               begun_.set_value();
             }}};
  }
  std::string ask(const std::string& request) {
    const auto answer = ask_node(control_path(folder_), request);
    if (!answer) return "error: " + answer.error().text;
    return *answer ? **answer : "no node";
  }
  /// A client of its own that does not wait for the answer.
  int connect_and_send(std::string_view line) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ + "/control").copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(fd, line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
    return fd;
  }
  int ask_slowly() {
    const int fd = connect_and_send("backup /slow\n");
    begun_.get_future().get();
    return fd;
  }

  std::string folder_;
  boost::asio::io_context io_{1};
  std::optional<ControlSocket> control_;
  bool opened_ = false;
  std::thread loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::promise<void> begun_;
  std::promise<void> stopped_;
  ControlAnswer later_;
};

TEST_F(ControlSocketTest, AnswersALineWithALine) {
  ASSERT_TRUE(opened_);
  EXPECT_EQ(ask("backup /a folder"), "made /a folder");
  EXPECT_EQ(ask("backup /full"), "error: the disk is full");
  EXPECT_EQ(ask("backup /again"), "made /again");
  EXPECT_EQ(ask("restore /a"), "error: this node does not know `restore`");
  EXPECT_EQ(ask(""), "error: this node does not know ``");
  EXPECT_THAT(ask("backup /a\nbackup /b"), HasSubstr("line end"));
}

TEST_F(ControlSocketTest, OtherCommandsAreAnsweredOnTheLoop) {
  EXPECT_EQ(ask("repeat a b"), "a b");
  EXPECT_EQ(ask("repeat"), "");
  EXPECT_EQ(ask("refuse it"), "error: not it");
  const std::string long_one(60'000, 'x');
  EXPECT_EQ(ask("repeat " + long_one), long_one);
  EXPECT_THAT(ask("repeat " + std::string(70'000, 'x')), HasSubstr("too long"));
}

TEST_F(ControlSocketTest, AnAnswerMayComeLaterAndItsClientBeGone) {
  const int client = connect_and_send("later x\n");
  begun_.get_future().get();
  EXPECT_EQ(ask("repeat meanwhile"), "meanwhile");
  ::close(client);
  on_loop([&] { later_("done"); });
}

TEST_F(ControlSocketTest, IsItsOwnersOnly) {
  struct stat status{};
  ASSERT_EQ(::stat((folder_ + "/control").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(ControlSocketTest, WhatIsAskedForDoesNotHoldUpTheLoopAndIsOneThingAtATime) {
  const int client = ask_slowly();
  on_loop([] {});
  EXPECT_EQ(ask("backup /other"), "error: `backup` is under way already");
  ::close(client);
  stopped_.get_future().get();
}

TEST_F(ControlSocketTest, AClientThatLeavesHasChangedItsMind) {
  ::close(ask_slowly());
  stopped_.get_future().get();
  // The loop hears of it a moment later.
  std::string answer;
  do {
    answer = ask("backup /next");
  } while (answer == "error: `backup` is under way already");
  EXPECT_EQ(answer, "made /next");
}

TEST_F(ControlSocketTest, TheEndOfTheNodeEndsWhatIsUnderWay) {
  const int client = ask_slowly();
  end();
  stopped_.get_future().get();
  ::close(client);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/control"));
  EXPECT_EQ(ask("backup /a"), "no node");
}

TEST_F(ControlSocketTest, WhatAKilledNodeLeftIsReplaced) {
  std::filesystem::create_directory(folder_ + "/other");
  const std::string other = folder_ + "/other";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (other + "/control").copy(address.sun_path, sizeof address.sun_path - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  EXPECT_EQ(ask_node(control_path(other), "backup /a"), std::nullopt) << "nobody listens";
  boost::asio::io_context io;
  ControlSocket control(io, control_path(other), {});
  EXPECT_TRUE(control.open());
}

TEST_F(ControlSocketTest, AnothersSocketIsLeftToIt) {
  {
    ControlSocket second(io_, control_path(folder_), {});
    EXPECT_THAT(second.open().error().text, HasSubstr("in use"));
  }
  EXPECT_EQ(ask("repeat it"), "it");
}

TEST_F(ControlSocketTest, IsInTheDataFolderOrWhereANodeInMemoryIsTold) {
  Config::Server config;
  EXPECT_EQ(control_path(config), "");
  config.control_socket = "/run/s";
  EXPECT_EQ(control_path(config), "/run/s");
  config.data_dir = "/data";
  EXPECT_EQ(control_path(config), "/data/control");
  config.in_memory = true;
  EXPECT_EQ(control_path(config), "/run/s");
}

TEST_F(ControlSocketTest, APathThatIsTooLongIsSaidSo) {
  const std::string folder = folder_ + "/" + std::string(150, 'x');
  std::filesystem::create_directory(folder);
  ControlSocket control(io_, control_path(folder), {});
  EXPECT_THAT(control.open().error().text, HasSubstr("too long for a Unix socket"));
  EXPECT_EQ(ask_node(control_path(folder), "backup /a"), std::nullopt);
}

}  // namespace
}  // namespace polymq::server
