// What the metadata file promises: everything comes back as it was, and what is refused.
#include "storage/sqlite_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string>

#include "base/log.h"
#include "storage/sqlite/database.h"
#include "storage/testing/ends_collector.h"
#include "storage/testing/rows.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

using testing::binding_row;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::exchange_row;
using ::testing::IsEmpty;
using testing::policy_row;
using testing::queue_row;
using ::testing::SizeIs;
using testing::vhost_row;

const std::string kOdd("\0a\xff'\"\xc3(\n\0", 9);

class SqliteMetadataTest : public ::testing::Test {
 protected:
  void open() {
    store_.reset();
    auto opened = SqliteMetadata::open(file_);
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
    store_->on_ended(collector_.wake());
  }
  void keep(std::vector<MetadataChange> changes) {
    store_->append(++version_, std::move(changes));
    ASSERT_THAT(collector_.await(*store_, 1), ElementsAre(MetadataEnd::kDurable));
  }
  MetadataImage reopened() {
    open();
    return store_->load();
  }
  std::string refusal() {
    const auto opened = SqliteMetadata::open(file_);
    return opened ? "" : opened.error().text;
  }
  /// From the file, which must be closed.
  std::uint64_t number(std::string_view sql) {
    auto database = sqlite::Database::open(file_);
    return database.value().number(sql).value().value();
  }
  void run_sql(const char* sql) {
    auto database = sqlite::Database::open(file_);
    ASSERT_TRUE(database) << database.error().text;
    const auto done = database->execute(sql);
    ASSERT_TRUE(done) << done.error().text;
  }

  testing::TemporaryFolder folder_;
  testing::EndsCollector collector_;
  const std::filesystem::path file_ = folder_.path() / "metadata.sqlite";
  std::unique_ptr<SqliteMetadata> store_;
  std::uint64_t version_ = 0;
};

TEST_F(SqliteMetadataTest, ANewFileIsEmptyAndForItsOwnerOnly) {
  open();
  const MetadataImage image = store_->load();
  EXPECT_EQ(image.version, 0u);
  EXPECT_THAT(image.vhosts, IsEmpty());
  EXPECT_THAT(image.bindings, IsEmpty());
  for (const char* name : {"metadata.sqlite", "metadata.sqlite-wal"}) {
    struct stat status{};
    ASSERT_EQ(::stat((folder_.path() / name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(SqliteMetadataTest, EveryRowComesBackAsItWas) {
  const VhostRow plain{.id = 1, .name = "/", .default_queue_type = "", .max_queues = {}};
  const VhostRow odd{.id = 4294967295,
                     .name = kOdd,
                     .default_queue_type = "quorum",
                     .max_queues = 18446744073709551615u};
  const VhostRow none{.id = 2, .name = "", .default_queue_type = kOdd, .max_queues = 0};
  const ExchangeRow exchange{.id = 3,
                             .vhost = 1,
                             .name = "logs",
                             .type = "topic",
                             .auto_delete = true,
                             .internal = false,
                             .arguments = "{}"};
  const ExchangeRow odd_exchange{.id = 4,
                                 .vhost = 4294967295,
                                 .name = kOdd,
                                 .type = kOdd,
                                 .auto_delete = false,
                                 .internal = true,
                                 .arguments = kOdd};
  const QueueRow queue{
      .id = 5, .vhost = 1, .name = "work", .auto_delete = false, .arguments = "{}", .lane = 65535};
  const QueueRow odd_queue{
      .id = 6, .vhost = 2, .name = kOdd, .auto_delete = true, .arguments = kOdd, .lane = 0};
  const BindingRow binding{
      .source = 3, .destination = 5, .to_exchange = false, .key = "#", .arguments = ""};
  const BindingRow odd_binding{
      .source = 3, .destination = 5, .to_exchange = true, .key = kOdd, .arguments = kOdd};
  const PolicyRow policy{.vhost = 1,
                         .by_operator = false,
                         .name = "p",
                         .pattern = "^q",
                         .apply_to = "all",
                         .priority = -9223372036854775807,
                         .definition = "{}"};
  const PolicyRow odd_policy{.vhost = 4294967295,
                             .by_operator = true,
                             .name = kOdd,
                             .pattern = kOdd,
                             .apply_to = kOdd,
                             .priority = 9223372036854775807,
                             .definition = kOdd};
  open();
  keep({odd, plain, none, exchange, odd_exchange, odd_queue, queue, odd_binding, binding,
        odd_policy, policy});

  const MetadataImage image = reopened();
  EXPECT_EQ(image.version, 1u);
  EXPECT_THAT(image.vhosts, ElementsAre(plain, none, odd));
  EXPECT_THAT(image.exchanges, ElementsAre(exchange, odd_exchange));
  EXPECT_THAT(image.queues, ElementsAre(queue, odd_queue));
  EXPECT_THAT(image.bindings, ElementsAre(binding, odd_binding));
  EXPECT_THAT(image.policies, ElementsAre(policy, odd_policy));
}

TEST_F(SqliteMetadataTest, RowsComeInTheOrderOfTheirIdsUpToTheLargest) {
  const std::uint64_t large = 18446744073709551615u;
  open();
  keep({queue_row(large), queue_row(7), queue_row(1), binding_row(large, 1), binding_row(2, large),
        binding_row(2, 9), binding_row(1, 10)});
  const MetadataImage image = reopened();
  EXPECT_THAT(image.queues, ElementsAre(queue_row(1), queue_row(7), queue_row(large)));
  EXPECT_THAT(image.bindings, ElementsAre(binding_row(1, 10), binding_row(2, 9),
                                          binding_row(2, large), binding_row(large, 1)));
}

TEST_F(SqliteMetadataTest, ARowReplacesTheOneWithItsId) {
  open();
  keep({VhostRow{.id = 1, .name = "/", .default_queue_type = "", .max_queues = 5}});
  const VhostRow changed{.id = 1, .name = "/", .default_queue_type = "quorum", .max_queues = {}};
  keep({changed});
  EXPECT_THAT(reopened().vhosts, ElementsAre(changed));
}

TEST_F(SqliteMetadataTest, BindingsDifferByEachOfTheirParts) {
  const BindingRow base{
      .source = 1, .destination = 2, .to_exchange = false, .key = "k", .arguments = "a"};
  BindingRow other_key = base, other_arguments = base, other_kind = base;
  other_key.key = std::string("k\0", 2);
  other_arguments.arguments = "b";
  other_kind.to_exchange = true;
  open();
  keep({base, other_key, other_arguments, other_kind, base});
  EXPECT_THAT(reopened().bindings, SizeIs(4));
  keep({BindingGone{base}});
  EXPECT_THAT(reopened().bindings, ElementsAre(other_arguments, other_key, other_kind));
}

TEST_F(SqliteMetadataTest, PoliciesDifferByVhostKindAndName) {
  PolicyRow changed = policy_row("p");
  changed.priority = 5;
  open();
  keep({policy_row("p"), policy_row("p", 1, true), policy_row("p", 2), policy_row("o"), changed});
  EXPECT_THAT(reopened().policies,
              ElementsAre(policy_row("o"), changed, policy_row("p", 1, true), policy_row("p", 2)));
  keep({PolicyGone{.vhost = 1, .by_operator = false, .name = "p"},
        PolicyGone{.vhost = 1, .by_operator = false, .name = "none"}});
  EXPECT_THAT(reopened().policies,
              ElementsAre(policy_row("o"), policy_row("p", 1, true), policy_row("p", 2)));
}

TEST_F(SqliteMetadataTest, BindingsGoWithTheirQueueAndWithTheirExchange) {
  const BindingRow kept = binding_row(1, 12);
  // A queue's and an exchange's binding to the same number are not the same destination.
  const BindingRow to_exchange = binding_row(1, 11, true);
  open();
  keep({exchange_row(1), exchange_row(2), queue_row(11), queue_row(12), kept, to_exchange,
        binding_row(1, 11), binding_row(2, 12), binding_row(1, 2, true), binding_row(2, 1, true)});

  keep({QueueGone{.id = 11}});
  keep({ExchangeGone{.id = 2}});
  const MetadataImage image = reopened();
  EXPECT_THAT(image.bindings, ElementsAre(to_exchange, kept));
  EXPECT_THAT(image.queues, ElementsAre(queue_row(12)));
  EXPECT_THAT(image.exchanges, ElementsAre(exchange_row(1)));
}

TEST_F(SqliteMetadataTest, AVhostTakesAlongAllThatIsInIt) {
  const ExchangeRow other_exchange = exchange_row(21, 2);
  const QueueRow other_queue = queue_row(22, 2);
  const BindingRow other_binding = binding_row(21, 22);
  open();
  keep({vhost_row(1), vhost_row(2), other_exchange, other_queue, other_binding, exchange_row(11),
        exchange_row(12), queue_row(13), binding_row(11, 13),
        // From exchanges that are not kept themselves.
        binding_row(99, 13), binding_row(99, 12, true), policy_row("p", 1),
        policy_row("p", 1, true), policy_row("p", 2)});
  keep({VhostGone{.id = 1}});
  const MetadataImage image = reopened();
  EXPECT_THAT(image.vhosts, ElementsAre(vhost_row(2)));
  EXPECT_THAT(image.exchanges, ElementsAre(other_exchange));
  EXPECT_THAT(image.queues, ElementsAre(other_queue));
  EXPECT_THAT(image.bindings, ElementsAre(other_binding));
  EXPECT_THAT(image.policies, ElementsAre(policy_row("p", 2)));
}

TEST_F(SqliteMetadataTest, ChangesOfOneVersionHappenInTheirOrder) {
  const QueueRow again = queue_row(2);
  open();
  keep({queue_row(1), QueueGone{.id = 1}, again});
  EXPECT_THAT(reopened().queues, ElementsAre(again));
}

TEST_F(SqliteMetadataTest, ManyQueuesFitIntoOneVersion) {
  std::vector<MetadataChange> changes;
  for (std::uint64_t id = 1; id <= 10'000; ++id) {
    changes.emplace_back(queue_row(id, 1, "q" + std::to_string(id)));
    changes.emplace_back(binding_row(1, id));
  }
  open();
  keep(std::move(changes));
  const MetadataImage image = reopened();
  ASSERT_THAT(image.queues, SizeIs(10'000));
  EXPECT_EQ(image.queues[9'998].name, "q9999");
  EXPECT_THAT(image.bindings, SizeIs(10'000));

  keep({VhostGone{.id = 1}});
  EXPECT_THAT(reopened().bindings, IsEmpty());
}

TEST_F(SqliteMetadataTest, AVersionThatDoesNotFollowIsFencedAndAllAfterIt) {
  log::set_level(log::Area::kStorage, log::Level::kOff);
  open();
  store_->append(1, {queue_row(1)});
  store_->append(3, {queue_row(3)});
  store_->append(2, {queue_row(2)});
  EXPECT_THAT(collector_.await(*store_, 3),
              ElementsAre(MetadataEnd::kDurable, MetadataEnd::kFenced, MetadataEnd::kFenced));
  store_->append(2, {queue_row(2)});
  EXPECT_THAT(collector_.await(*store_, 1), ElementsAre(MetadataEnd::kFenced));
  EXPECT_EQ(store_->durable_version(), 1u);
  EXPECT_FALSE(store_->reserve_incarnations(1));

  const MetadataImage image = reopened();
  EXPECT_EQ(image.version, 1u);
  EXPECT_THAT(image.queues, SizeIs(1));
  log::set_level(log::Area::kStorage, log::Level::kInfo);
}

TEST_F(SqliteMetadataTest, VersionsGoOnAfterAnotherStart) {
  open();
  keep({vhost_row(1)});
  open();
  EXPECT_EQ(store_->durable_version(), 1u);
  keep({vhost_row(2)});
  EXPECT_EQ(reopened().version, 2u);
}

TEST_F(SqliteMetadataTest, WhatHasEndedIsThereAfterACrash) {
  open();
  ASSERT_TRUE(store_->reserve_incarnations(1000));
  keep({queue_row(1), binding_row(1, 1)});
  // What the files are now is what a process finds that starts after this one was killed.
  testing::TemporaryFolder crashed;
  std::filesystem::copy(
      folder_.path(), crashed.path(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  const auto opened = SqliteMetadata::open(crashed.path() / "metadata.sqlite");
  ASSERT_TRUE(opened) << opened.error().text;
  const MetadataImage image = (*opened)->load();
  EXPECT_EQ(image.version, 1u);
  EXPECT_THAT(image.queues, ElementsAre(queue_row(1)));
  EXPECT_THAT(image.bindings, ElementsAre(binding_row(1, 1)));
  EXPECT_EQ((*opened)->reserve_incarnations(1).value(), 1001u);
}

TEST_F(SqliteMetadataTest, NoIncarnationIsEverReservedTwice) {
  open();
  EXPECT_EQ(store_->reserve_incarnations(1000).value(), 1u);
  EXPECT_EQ(store_->reserve_incarnations(1).value(), 1001u);
  keep({vhost_row(1)});
  open();
  EXPECT_EQ(store_->reserve_incarnations(1000).value(), 1002u);
  EXPECT_FALSE(store_->reserve_incarnations(18446744073709551615u));
  EXPECT_FALSE(store_->reserve_incarnations(9223372036854775807u));
  EXPECT_EQ(store_->reserve_incarnations(1).value(), 2002u);
}

TEST_F(SqliteMetadataTest, ClosingLeavesOneFileThatPeopleCanRead) {
  open();
  keep({queue_row(1, 1, "orders")});
  store_.reset();
  EXPECT_FALSE(std::filesystem::exists(file_.string() + "-wal"));
  EXPECT_EQ(number("SELECT id FROM queues WHERE name = 'orders'"), 1u);
  EXPECT_EQ(number("SELECT value FROM meta WHERE key = 'starts'"), 1u);
  EXPECT_EQ(number("SELECT value FROM meta WHERE key = 'version'"), 1u);
}

TEST_F(SqliteMetadataTest, AFileThatWasOnlyCreatedIsNew) {
  std::ofstream(file_).close();
  open();
  keep({vhost_row(1)});
  EXPECT_THAT(reopened().vhosts, SizeIs(1));
}

TEST_F(SqliteMetadataTest, ASecondUserIsRefused) {
  open();
  EXPECT_EQ(refusal(), file_.string() + ": in use by another process");
  keep({vhost_row(1)});
}

TEST_F(SqliteMetadataTest, ANewerSchemaIsRefused) {
  open();
  store_.reset();
  run_sql("PRAGMA user_version = 3");
  EXPECT_THAT(refusal(), EndsWith("metadata.sqlite: written by a newer version of PolyMQ: its "
                                  "schema is 3, known here is 2"));
}

TEST_F(SqliteMetadataTest, AFileOfTheFirstSchemaGetsATableOfPolicies) {
  open();
  keep({vhost_row(1), queue_row(1)});
  store_.reset();
  run_sql("DROP TABLE policies; PRAGMA user_version = 1");
  const MetadataImage image = reopened();
  EXPECT_THAT(image.queues, ElementsAre(queue_row(1)));
  EXPECT_THAT(image.policies, IsEmpty());
  keep({policy_row("p")});
  EXPECT_THAT(reopened().policies, ElementsAre(policy_row("p")));
  store_.reset();
  EXPECT_EQ(number("PRAGMA user_version"), 2u) << "programs that would ignore it refuse the file";
}

TEST_F(SqliteMetadataTest, AnotherProgramsDatabaseIsRefusedAndLeftAlone) {
  std::ofstream(file_).close();
  run_sql("CREATE TABLE songs (title TEXT)");
  EXPECT_THAT(refusal(), EndsWith("metadata.sqlite: a database of another program"));
  run_sql("INSERT INTO songs VALUES ('x')");
  EXPECT_FALSE(std::filesystem::exists(file_.string() + "-wal"));
}

TEST_F(SqliteMetadataTest, AFileThatIsNoDatabaseIsRefused) {
  std::ofstream(file_) << std::string(10'000, 'x');
  EXPECT_THAT(refusal(), EndsWith("metadata.sqlite: not an SQLite database"));
}

TEST_F(SqliteMetadataTest, DamageIsSeenAlsoWhereNoRowIsRead) {
  open();
  keep({queue_row(1), queue_row(2)});
  store_.reset();
  const std::uint64_t page = number(
      "SELECT rootpage FROM sqlite_schema"
      " WHERE name = 'queues_by_vhost'");
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>((page - 1) * number("PRAGMA page_size")));
    file << std::string(100, '\x55');
  }
  EXPECT_THAT(refusal(), ContainsRegex("^[^\n]*metadata.sqlite: damaged: [^\n]+$"));
}

TEST_F(SqliteMetadataTest, AMissingTableIsSaid) {
  open();
  store_.reset();
  run_sql("DROP TABLE meta");
  EXPECT_THAT(refusal(), EndsWith("metadata.sqlite: no such table: meta"));
}

TEST_F(SqliteMetadataTest, AFolderThatIsNotThereIsSaid) {
  const auto opened = SqliteMetadata::open(folder_.path() / "none" / "metadata.sqlite");
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text, EndsWith("none/metadata.sqlite: No such file or directory"));
}

}  // namespace
}  // namespace polymq::storage
