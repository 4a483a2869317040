// Promises that every metadata store keeps.
#include "storage/metadata_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "storage/memory_metadata.h"
#include "storage/sqlite_metadata.h"
#include "storage/testing/ends_collector.h"
#include "storage/testing/rows.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Backend {
  const char* name;
  std::unique_ptr<MetadataStore> (*open)(const std::filesystem::path& folder,
                                         const std::function<void()>& wake);
};

const Backend kMemory{"Memory", [](const std::filesystem::path&, const std::function<void()>&) {
                        return std::unique_ptr<MetadataStore>(std::make_unique<MemoryMetadata>());
                      }};
const Backend kSqlite{"Sqlite",
                      [](const std::filesystem::path& folder, const std::function<void()>& wake) {
                        auto store = SqliteMetadata::open(folder / "metadata.sqlite").value();
                        store->on_ended(wake);
                        return std::unique_ptr<MetadataStore>(std::move(store));
                      }};

class MetadataStoreContract : public ::testing::TestWithParam<Backend> {
 protected:
  testing::TemporaryFolder folder_;
  testing::EndsCollector collector_;
  std::unique_ptr<MetadataStore> store_ = GetParam().open(folder_.path(), collector_.wake());
};

TEST_P(MetadataStoreContract, NothingEndsThatWasNotAppended) {
  std::vector<MetadataEnd> ended;
  store_->take_ended(ended);
  EXPECT_THAT(ended, IsEmpty());
}

TEST_P(MetadataStoreContract, EachAppendEndsOnce) {
  store_->append(1, {testing::vhost_row(1)});
  EXPECT_THAT(collector_.await(*store_, 1), ElementsAre(MetadataEnd::kDurable));

  for (std::uint64_t version = 2; version <= 100; ++version) {
    store_->append(version, {testing::queue_row(version)});
  }
  const auto ended = collector_.await(*store_, 99);
  EXPECT_THAT(ended, SizeIs(99));
  EXPECT_THAT(ended, Each(MetadataEnd::kDurable));

  std::vector<MetadataEnd> more;
  store_->take_ended(more);
  EXPECT_THAT(more, IsEmpty());
}

TEST_P(MetadataStoreContract, AVersionWithoutChangesEndsToo) {
  store_->append(1, {});
  store_->append(2, {VhostGone{.id = 7}});
  EXPECT_THAT(collector_.await(*store_, 2),
              ElementsAre(MetadataEnd::kDurable, MetadataEnd::kDurable));
}

TEST_P(MetadataStoreContract, EveryKindOfChangeEnds) {
  store_->append(1, {testing::vhost_row(1), testing::exchange_row(2), testing::queue_row(3),
                     testing::binding_row(2, 3), testing::policy_row("p")});
  store_->append(2, {PolicyGone{.vhost = 1, .name = "p"}, BindingGone{testing::binding_row(2, 3)},
                     QueueGone{.id = 3}, ExchangeGone{.id = 2}, VhostGone{.id = 1}});
  EXPECT_THAT(collector_.await(*store_, 2),
              ElementsAre(MetadataEnd::kDurable, MetadataEnd::kDurable));
}

TEST_P(MetadataStoreContract, EndsGoBehindThoseThatAreThere) {
  store_->append(1, {});
  EXPECT_THAT(collector_.await(*store_, 2, {MetadataEnd::kFailed}),
              ElementsAre(MetadataEnd::kFailed, MetadataEnd::kDurable));
}

INSTANTIATE_TEST_SUITE_P(Backends, MetadataStoreContract, ::testing::Values(kMemory, kSqlite),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace
}  // namespace polymq::storage
