// The statements, and how rows are bound to them and read from them.
#include "storage/sqlite/rows.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

namespace polymq::storage::sqlite {
namespace {

enum Single : std::size_t {
  kAdvance,
  kVhost,
  kExchange,
  kQueue,
  kBinding,
  kUnbind,
  kPolicy,
  kUnsetPolicy
};
constexpr std::array<std::string_view, 8> kSingle{
    "UPDATE meta SET value = ?1 WHERE key = 'version' AND value = ?1 - 1",
    "INSERT OR REPLACE INTO vhosts (id, name, default_queue_type, max_queues)"
    " VALUES (?1, ?2, ?3, ?4)",
    "INSERT OR REPLACE INTO exchanges (id, vhost, name, type, auto_delete, internal, arguments)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    "INSERT OR REPLACE INTO queues (id, vhost, name, auto_delete, arguments, lane)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    "INSERT OR REPLACE INTO bindings (source, destination, to_exchange, key, arguments)"
    " VALUES (?1, ?2, ?3, ?4, ?5)",
    "DELETE FROM bindings WHERE source = ?1 AND destination = ?2 AND to_exchange = ?3"
    " AND key = ?4 AND arguments = ?5",
    "INSERT OR REPLACE INTO policies"
    " (vhost, by_operator, name, pattern, apply_to, priority, definition)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    "DELETE FROM policies WHERE vhost = ?1 AND by_operator = ?2 AND name = ?3"};

// ?1 is the id of what goes.
constexpr std::array<std::string_view, 7> kVhostGone{
    "DELETE FROM bindings WHERE source IN (SELECT id FROM exchanges WHERE vhost = ?1)",
    "DELETE FROM bindings WHERE to_exchange = 0"
    " AND destination IN (SELECT id FROM queues WHERE vhost = ?1)",
    "DELETE FROM bindings WHERE to_exchange = 1"
    " AND destination IN (SELECT id FROM exchanges WHERE vhost = ?1)",
    "DELETE FROM exchanges WHERE vhost = ?1",
    "DELETE FROM queues WHERE vhost = ?1",
    "DELETE FROM policies WHERE vhost = ?1",
    "DELETE FROM vhosts WHERE id = ?1"};
constexpr std::array<std::string_view, 3> kExchangeGone{
    "DELETE FROM bindings WHERE source = ?1",
    "DELETE FROM bindings WHERE to_exchange = 1 AND destination = ?1",
    "DELETE FROM exchanges WHERE id = ?1"};
constexpr std::array<std::string_view, 2> kQueueGone{
    "DELETE FROM bindings WHERE to_exchange = 0 AND destination = ?1",
    "DELETE FROM queues WHERE id = ?1"};

SqliteResult<void> prepare_all(Database& database, std::span<const std::string_view> sql,
                               std::vector<Statement>& to) {
  for (const std::string_view text : sql) {
    auto statement = database.prepare(text);
    if (!statement) return tl::make_unexpected(statement.error());
    to.push_back(std::move(*statement));
  }
  return {};
}

std::uint64_t number(bool value) { return value ? 1 : 0; }

Statement& bind_binding(Statement& statement, const BindingRow& row) {
  return statement.bind(1, row.source)
      .bind(2, row.destination)
      .bind(3, number(row.to_exchange))
      .bind(4, row.key)
      .bind(5, row.arguments);
}

VhostRow read_vhost(const Statement& row) {
  VhostRow vhost{.id = static_cast<std::uint32_t>(row.number(0)),
                 .name = std::string(row.text(1)),
                 .default_queue_type = std::string(row.text(2)),
                 .max_queues = std::nullopt};
  if (!row.is_null(3)) vhost.max_queues = row.number(3);
  return vhost;
}

ExchangeRow read_exchange(const Statement& row) {
  return {.id = row.number(0),
          .vhost = static_cast<std::uint32_t>(row.number(1)),
          .name = std::string(row.text(2)),
          .type = std::string(row.text(3)),
          .auto_delete = row.number(4) != 0,
          .internal = row.number(5) != 0,
          .arguments = std::string(row.text(6))};
}

QueueRow read_queue(const Statement& row) {
  return {.id = row.number(0),
          .vhost = static_cast<std::uint32_t>(row.number(1)),
          .name = std::string(row.text(2)),
          .auto_delete = row.number(3) != 0,
          .arguments = std::string(row.text(4)),
          .lane = static_cast<std::uint16_t>(row.number(5))};
}

BindingRow read_binding(const Statement& row) {
  return {.source = row.number(0),
          .destination = row.number(1),
          .to_exchange = row.number(2) != 0,
          .key = std::string(row.text(3)),
          .arguments = std::string(row.text(4))};
}

PolicyRow read_policy(const Statement& row) {
  return {.vhost = static_cast<std::uint32_t>(row.number(0)),
          .by_operator = row.number(1) != 0,
          .name = std::string(row.text(2)),
          .pattern = std::string(row.text(3)),
          .apply_to = std::string(row.text(4)),
          .priority = static_cast<std::int64_t>(row.number(5)),
          .definition = std::string(row.text(6))};
}

template <class Row>
SqliteResult<void> read_all(Database& database, std::string_view sql, Row (*read)(const Statement&),
                            std::vector<Row>& to) {
  auto statement = database.prepare(sql);
  if (!statement) return tl::make_unexpected(statement.error());
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::make_unexpected(row.error());
    if (!*row) return {};
    to.push_back(read(*statement));
  }
}

/// SQLite's numbers are signed: an id of 2^63 or more comes first from its indexes.
void sort(MetadataImage& image) {
  std::ranges::sort(image.vhosts, {}, &VhostRow::id);
  std::ranges::sort(image.exchanges, {}, &ExchangeRow::id);
  std::ranges::sort(image.queues, {}, &QueueRow::id);
  std::ranges::sort(image.bindings, {}, [](const BindingRow& row) {
    return std::tie(row.source, row.destination, row.to_exchange, row.key, row.arguments);
  });
  std::ranges::sort(image.policies, {}, [](const PolicyRow& row) {
    return std::tie(row.vhost, row.by_operator, row.name);
  });
}

}  // namespace

SqliteResult<RowWriter> RowWriter::prepare(Database& database) {
  RowWriter writer(database);
  return prepare_all(database, kSingle, writer.single_)
      .and_then([&] { return prepare_all(database, kVhostGone, writer.vhost_gone_); })
      .and_then([&] { return prepare_all(database, kExchangeGone, writer.exchange_gone_); })
      .and_then([&] { return prepare_all(database, kQueueGone, writer.queue_gone_); })
      .map([&] { return std::move(writer); });
}

SqliteResult<bool> RowWriter::advance(std::uint64_t version) {
  return single_[kAdvance].bind(1, version).run().map([&] { return database_->changes() == 1; });
}

SqliteResult<void> RowWriter::apply(const MetadataChange& change) {
  return std::visit([&](const auto& what) { return write(what); }, change);
}

SqliteResult<void> RowWriter::write(const VhostRow& row) {
  Statement& statement = single_[kVhost];
  statement.bind(1, row.id).bind(2, row.name).bind(3, row.default_queue_type);
  if (row.max_queues) {
    statement.bind(4, *row.max_queues);
  } else {
    statement.bind_null(4);
  }
  return statement.run();
}

SqliteResult<void> RowWriter::write(const ExchangeRow& row) {
  return single_[kExchange]
      .bind(1, row.id)
      .bind(2, row.vhost)
      .bind(3, row.name)
      .bind(4, row.type)
      .bind(5, number(row.auto_delete))
      .bind(6, number(row.internal))
      .bind(7, row.arguments)
      .run();
}

SqliteResult<void> RowWriter::write(const QueueRow& row) {
  return single_[kQueue]
      .bind(1, row.id)
      .bind(2, row.vhost)
      .bind(3, row.name)
      .bind(4, number(row.auto_delete))
      .bind(5, row.arguments)
      .bind(6, row.lane)
      .run();
}

SqliteResult<void> RowWriter::write(const BindingRow& row) {
  return bind_binding(single_[kBinding], row).run();
}
SqliteResult<void> RowWriter::write(const BindingGone& gone) {
  return bind_binding(single_[kUnbind], gone.binding).run();
}
SqliteResult<void> RowWriter::write(const PolicyRow& row) {
  return single_[kPolicy]
      .bind(1, row.vhost)
      .bind(2, number(row.by_operator))
      .bind(3, row.name)
      .bind(4, row.pattern)
      .bind(5, row.apply_to)
      .bind(6, static_cast<std::uint64_t>(row.priority))
      .bind(7, row.definition)
      .run();
}
SqliteResult<void> RowWriter::write(const PolicyGone& gone) {
  return single_[kUnsetPolicy]
      .bind(1, gone.vhost)
      .bind(2, number(gone.by_operator))
      .bind(3, gone.name)
      .run();
}
SqliteResult<void> RowWriter::write(const VhostGone& gone) { return run_all(vhost_gone_, gone.id); }
SqliteResult<void> RowWriter::write(const ExchangeGone& gone) {
  return run_all(exchange_gone_, gone.id);
}
SqliteResult<void> RowWriter::write(const QueueGone& gone) { return run_all(queue_gone_, gone.id); }

SqliteResult<void> RowWriter::run_all(std::vector<Statement>& statements, std::uint64_t id) {
  for (Statement& statement : statements) {
    if (auto done = statement.bind(1, id).run(); !done) return done;
  }
  return {};
}

SqliteResult<MetadataImage> read_image(Database& database) {
  MetadataImage image;
  const auto version = database.number("SELECT value FROM meta WHERE key = 'version'");
  if (!version) return tl::make_unexpected(version.error());
  if (!*version) {
    return tl::make_unexpected(
        SqliteError{SQLITE_CORRUPT, "there is no version in its table meta"});
  }
  image.version = **version;
  return read_all(database, "SELECT id, name, default_queue_type, max_queues FROM vhosts",
                  read_vhost, image.vhosts)
      .and_then([&] {
        return read_all(database,
                        "SELECT id, vhost, name, type, auto_delete, internal, arguments"
                        " FROM exchanges",
                        read_exchange, image.exchanges);
      })
      .and_then([&] {
        return read_all(database,
                        "SELECT id, vhost, name, auto_delete, arguments, lane FROM queues",
                        read_queue, image.queues);
      })
      .and_then([&] {
        return read_all(database,
                        "SELECT source, destination, to_exchange, key, arguments FROM bindings",
                        read_binding, image.bindings);
      })
      .and_then([&] {
        return read_all(database,
                        "SELECT vhost, by_operator, name, pattern, apply_to, priority, definition"
                        " FROM policies",
                        read_policy, image.policies);
      })
      .map([&] {
        sort(image);
        return std::move(image);
      });
}

}  // namespace polymq::storage::sqlite
