// Promises of the method declarations: the protocol's table, checked where mistakes are likely.
#include "amqp091/methods.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "amqp091/codec.h"

namespace polymq::amqp091 {
namespace {

struct Row {
  MethodId id;
  std::string name;
  Direction direction;
  bool content;
  std::size_t fields;
};

template <class... M>
std::vector<Row> rows_of(std::tuple<M...>*) {
  return {Row{M::kId, std::string(M::kName), M::kDirection, has_content<M>(),
              std::tuple_size_v<std::remove_cvref_t<decltype(M::kFields)>>}...};
}

std::vector<Row> rows() { return rows_of(static_cast<method::All*>(nullptr)); }

TEST(Methods, AreInOrderOfTheirIdsAndNoneIsThereTwice) {
  const auto all = rows();
  std::set<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(names.insert(all[i].name).second) << all[i].name;
    if (i != 0) EXPECT_LT(all[i - 1].id, all[i].id) << all[i].name;
  }
}

TEST(Methods, EveryClassHasAsManyAsTheProtocol) {
  std::map<std::uint16_t, int> counts;
  for (const Row& row : rows()) ++counts[row.id.class_id];
  const std::map<std::uint16_t, int> expected{{10, 14}, {20, 6},  {30, 2}, {40, 8},
                                              {50, 10}, {60, 18}, {85, 2}, {90, 6}};
  EXPECT_EQ(counts, expected);
}

TEST(Methods, NamesBelongToTheirClasses) {
  const std::map<std::uint16_t, std::string> classes{
      {10, "connection."}, {20, "channel."}, {30, "access."},  {40, "exchange."},
      {50, "queue."},      {60, "basic."},   {85, "confirm."}, {90, "tx."}};
  for (const Row& row : rows()) {
    EXPECT_TRUE(row.name.starts_with(classes.at(row.id.class_id))) << row.name;
    EXPECT_EQ(method_name(row.id), row.name);
  }
  EXPECT_EQ(method_name({60, 41}), "");
}

TEST(Methods, RepliesHaveTheIdAfterTheirRequest) {
  std::map<std::string, MethodId> ids;
  for (const Row& row : rows()) ids[row.name] = row.id;
  for (const auto& [name, id] : ids) {
    if (!name.ends_with("-ok")) continue;
    const MethodId request = ids.at(name.substr(0, name.size() - 3));
    const int distance = name == "exchange.unbind-ok" ? 11 : 1;  // the protocol's one exception
    EXPECT_EQ(id.method_id, request.method_id + distance) << name;
  }
}

TEST(Methods, ContentFollowsExactlyFour) {
  std::set<std::string> with;
  for (const Row& row : rows()) {
    if (row.content) with.insert(row.name);
  }
  EXPECT_EQ(with, (std::set<std::string>{"basic.publish", "basic.return", "basic.deliver",
                                         "basic.get-ok"}));
}

TEST(Methods, DirectionsSplitThemBetweenTheTwoSides) {
  const std::size_t to_server = std::tuple_size_v<method::ToServer>;
  const std::size_t to_client = std::tuple_size_v<method::ToClient>;
  std::size_t both = 0;
  for (const Row& row : rows()) both += row.direction == Direction::kBoth ? 1 : 0;
  EXPECT_EQ(both, 8u);  // connection and channel close and close-ok; cancel, cancel-ok, ack, nack
  EXPECT_EQ(to_server + to_client, rows().size() + both);
}

}  // namespace
}  // namespace polymq::amqp091
