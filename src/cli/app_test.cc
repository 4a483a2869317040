// Commands, options and exit codes, without starting a server.
#include "cli/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "auth/access_keys.h"
#include "auth/password.h"
#include "cli/exit_code.h"
#include "server/config/document.h"
#include "storage/testing/folder_user.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class App : public ::testing::Test {
 protected:
  App() : path_(::testing::TempDir() + "app_" + std::to_string(::getpid()) + ".toml") {}
  void TearDown() override { ::unlink(path_.c_str()); }

  /// The exit code; what was printed is in out_ and err_, what was served in served_.
  int run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "polymq");
    environment_.push_back(nullptr);
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code =
        run_app(static_cast<int>(arguments.size()), arguments.data(), environment_.data(),
                [this](const server::Config& config, const server::Reload& reload) {
                  served_ = config;
                  reload_ = reload;
                  return serve_code_;
                });
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    environment_.pop_back();
    return code;
  }
  void write_file(const std::string& text) { std::ofstream(path_) << text; }

  const std::string path_;
  std::vector<const char*> environment_;
  int serve_code_ = 0;
  std::optional<server::Config> served_;
  server::Reload reload_;
  std::string out_;
  std::string err_;
};

TEST_F(App, WithoutArgumentsServesWithTheDefaults) {
  EXPECT_EQ(run({}), kOk);
  ASSERT_TRUE(served_);
  EXPECT_EQ(served_->amqp.port, 5672);
}

TEST_F(App, TheServersExitCodeIsTheProgrammes) {
  serve_code_ = kFailure;
  EXPECT_EQ(run({"server"}), kFailure);
}

TEST_F(App, OptionsMeanTheSameWithAndWithoutTheCommand) {
  for (const bool with_command : {false, true}) {
    std::vector<const char*> arguments{"--amqp-port",
                                       "5673",
                                       "--bind=127.0.0.1",
                                       "--in-memory",
                                       "--log-level",
                                       "debug",
                                       "--shards",
                                       "2",
                                       "--sqs-port",
                                       "0",
                                       "--set",
                                       "amqp.heartbeat=30s",
                                       "--set",
                                       "server.product=X"};
    if (with_command) arguments.insert(arguments.begin(), "server");
    served_.reset();
    ASSERT_EQ(run(arguments), kOk) << err_;
    ASSERT_TRUE(served_);
    EXPECT_EQ(served_->amqp.endpoints.at(0), (server::Endpoint{"127.0.0.1", 5673, false}));
    EXPECT_TRUE(served_->server.in_memory);
    EXPECT_EQ(served_->log.level, "debug");
    EXPECT_EQ(served_->server.shards, 2u);
    EXPECT_EQ(served_->sqs.port, 0);
    EXPECT_EQ(served_->amqp.heartbeat, std::chrono::seconds(30));
    EXPECT_EQ(served_->server.product, "X");
  }
}

TEST_F(App, TheFileComesFromTheOptionOrTheEnvironment) {
  write_file("[amqp]\nport = 5674\n");
  EXPECT_EQ(run({"--config", path_.c_str()}), kOk);
  EXPECT_EQ(served_->amqp.port, 5674);
  served_.reset();
  const std::string variable = "POLYMQ_CONFIG=" + path_;
  environment_ = {variable.c_str(), "POLYMQ_AMQP_BACKLOG=7"};
  EXPECT_EQ(run({"server"}), kOk);
  EXPECT_EQ(served_->amqp.port, 5674);
  EXPECT_EQ(served_->amqp.backlog, 7u);
}

TEST_F(App, ReloadingReadsTheSameSourcesAgain) {
  write_file("[log]\nlevel = \"info\"\n");
  ASSERT_EQ(run({"-c", path_.c_str(), "--shards", "2"}), kOk);
  write_file("[log]\nlevel = \"debug\"\n");
  const auto again = reload_();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->log.level, "debug");
  EXPECT_EQ(again->server.shards, 2u);
  write_file("[log]\nlevel = \"loud\"\n");
  const auto broken = reload_();
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().text, HasSubstr(path_ + ":2: log.level"));
}

TEST_F(App, AWrongConfigurationStopsTheStart) {
  EXPECT_EQ(run({"--amqp-port", "many"}), kUsage);
  EXPECT_FALSE(served_);
  EXPECT_EQ(err_,
            "command line --amqp-port: amqp.port: expected a whole number from 0 to 65535, got "
            "'many'\n");
  EXPECT_EQ(run({"--config", "/no/such/file"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("/no/such/file: cannot read the file"));
  EXPECT_FALSE(served_);
}

TEST_F(App, UnknownArgumentsAreRefusedWithTheNearestName) {
  EXPECT_EQ(run({"--amqp-prot", "1"}), kUsage);
  EXPECT_THAT(err_, StartsWith("polymq: unexpected argument '--amqp-prot'; did you mean "
                               "'--amqp-port'?"));
  EXPECT_EQ(run({"server", "--amqp-prot=1"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean '--amqp-port'?"));
  EXPECT_EQ(run({"sever"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean 'server'?"));
  EXPECT_EQ(run({"--set", "amqp.port"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("'amqp.port' is not KEY=VALUE"));
  EXPECT_EQ(run({"config"}), kUsage);
  EXPECT_FALSE(served_);
}

TEST_F(App, HelpNamesEveryOptionWithItsDefault) {
  EXPECT_EQ(run({"server", "--help"}), kOk);
  for (const char* option :
       {"--config", "--bind", "--amqp-port", "--management-port", "--metrics-port", "--sqs-port",
        "--amqp-tls-port", "--sqs-tls-port", "--tls-certificate", "--tls-key", "--pubsub-port",
        "--data-dir", "--in-memory", "--log-level", "--shards", "--set"}) {
    EXPECT_THAT(out_, HasSubstr(option));
  }
  EXPECT_THAT(out_, HasSubstr("Default: 5672."));
  EXPECT_FALSE(served_);
}

TEST_F(App, PrintsItsVersion) {
  EXPECT_EQ(run({"version"}), kOk);
  const std::string version = out_;
  EXPECT_THAT(version, StartsWith("polymq "));
  EXPECT_EQ(run({"--version"}), kOk);
  EXPECT_EQ(out_, version);
  EXPECT_FALSE(served_);
}

TEST_F(App, ConfigInitWritesAFileThatConfigCheckAccepts) {
  EXPECT_EQ(run({"config", "init"}), kOk);
  EXPECT_EQ(out_, server::config::default_file());
  EXPECT_EQ(run({"config", "init", "--output", path_.c_str()}), kOk);
  EXPECT_EQ(run({"config", "init", "--output", path_.c_str()}), kFailure) << "it is there";
  EXPECT_THAT(err_, HasSubstr("--force"));
  EXPECT_EQ(run({"config", "init", "--output", path_.c_str(), "--force"}), kOk);
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kOk);
  EXPECT_EQ(out_, path_ + ": ok\n");
}

TEST_F(App, ConfigCheckLooksIntoTheUsersFile) {
  write_file("[auth]\nusers_file = \"/no/such/users.toml\"\n");
  EXPECT_EQ(run({"config", "check", "--config", path_.c_str()}), kUsage);
  EXPECT_THAT(err_, StartsWith("/no/such/users.toml: cannot read"));
  write_file("[auth]\nanonymous_user = \"nobody\"\n");
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kUsage);
  EXPECT_THAT(err_, HasSubstr("there is no user 'nobody'"));
}

TEST_F(App, ConfigShowTellsOrigins) {
  EXPECT_EQ(run({"config", "show", "--amqp-port", "5673"}), kOk);
  EXPECT_THAT(out_, HasSubstr("# command line --amqp-port\n"));
  EXPECT_EQ(run({"config", "show", "--set", "amqp.prot=1"}), kUsage);
}

TEST_F(App, ConfigReferenceIsMarkdown) {
  EXPECT_EQ(run({"config", "reference"}), kOk);
  EXPECT_EQ(out_, server::config::reference());
}

TEST_F(App, HashPasswordReadsStandardInput) {
  write_file("secret\n");
  std::ifstream input(path_);
  std::streambuf* const before = std::cin.rdbuf(input.rdbuf());
  const int code = run({"hash-password", "--algorithm", "sha512"});
  const std::string printed = out_;
  const int nothing_left = run({"hash-password"});
  std::cin.rdbuf(before);
  std::cin.clear();
  EXPECT_EQ(nothing_left, kUsage);
  ASSERT_EQ(code, kOk) << err_;
  ASSERT_THAT(printed, EndsWith("\n"));
  const auto hash = auth::PasswordHash::parse(printed.substr(0, printed.size() - 1),
                                              auth::HashAlgorithm::kSha512);
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->verify("secret"));
  EXPECT_EQ(run({"hash-password", "--algorithm", "md5"}), kUsage);
}

TEST_F(App, MakeAccessKeyPrintsATableForAKeysFile) {
  ASSERT_EQ(run({"make-access-key", "shop"}), kOk) << err_;
  const auto keys = auth::parse_access_keys(out_, "keys.toml");
  ASSERT_TRUE(keys) << keys.error().text;
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ(keys->front().user, "shop");
  EXPECT_EQ(run({"make-access-key"}), kUsage) << "whose?";
}

TEST_F(App, ConfigCheckLooksIntoTheKeysFile) {
  const std::string keys = path_ + ".keys";
  const std::string with_auth = "[sqs]\nport = 1\nauth = \"required\"\nkeys_file = \"" + keys;
  write_file(with_auth + "\"\n");
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kUsage);
  EXPECT_THAT(err_, HasSubstr("cannot read the file of access keys"));
  std::ofstream(keys) << "[[keys]]\nid = \"A\"\nsecret = \"s\"\nuser = \"shop\"\n";
  ::chmod(keys.c_str(), 0644);
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kUsage);
  EXPECT_THAT(err_, HasSubstr("chmod 600 " + keys));
  ::chmod(keys.c_str(), 0600);
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kUsage);
  EXPECT_THAT(err_, HasSubstr("there is no user 'shop', whose key 'A' is"));
  std::ofstream(keys) << "[[keys]]\nid = \"A\"\nsecret = \"s\"\nuser = \"guest\"\n";
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kOk) << err_;
  ::unlink(keys.c_str());
}

TEST_F(App, ConfigCheckMissesTheUserThatSqsNeeds) {
  write_file("[sqs]\nport = 1\nuser = \"shop\"\n");
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kUsage);
  EXPECT_THAT(err_, HasSubstr("sqs.user: there is no user 'shop'"));
  write_file("[sqs]\nport = 0\nuser = \"shop\"\n");
  EXPECT_EQ(run({"config", "check", path_.c_str()}), kOk) << "it is off";
}

TEST_F(App, StoreCheckTellsWhatEachQueueTakesOnDisk) {
  const storage::testing::TemporaryFolder temporary;
  const std::string path = temporary.path() / "data";
  {
    storage::testing::FolderUser user(path);
    user.declare(10, 5, "orders");
    for (std::uint64_t position = 1; position <= 3; ++position) {
      user.keep(10, position, std::string(52, 'x'));  // with its record and key: 100 bytes
    }
    user.settle(10, 2);
    user.declare_exchange(71, "later");
    user.open(71, storage::lane_of_exchange(71));
    user.keep(71, 1, "due");
  }
  EXPECT_EQ(run({"store", "check", path.c_str()}), kOk) << err_;
  EXPECT_EQ(out_,
            "queue 10 'orders': 2 messages, 104 bytes; on disk 200 live, 100 dead\n"
            "exchange 71 'later': 1 messages held, 0 ids seen, 0 messages of history; on disk 51 "
            "live, 0 dead\n"
            "segments have 65536 bytes: 251 live, 65285 reclaimable (100 dead messages, 65185 "
            "overhead and unused)\n"
            "1 queues, 2 messages, 1 segments, 0 damages\n");
}

}  // namespace
}  // namespace polymq::cli
