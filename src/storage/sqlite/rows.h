// What is declared as rows of tables: changes written, everything read.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/metadata_store.h"
#include "storage/sqlite/database.h"

namespace polymq::storage::sqlite {

/// Writes changes within the transaction that the caller has begun. A row replaces the one with
/// its id, or of its name; a binding that is there already stays; what is gone already stays gone.
class RowWriter {
 public:
  /// `database` must outlive it, and have the tables.
  static SqliteResult<RowWriter> prepare(Database& database);

  /// Makes `version` the version of the file. False, and nothing is changed, when the file's is
  /// not the one before it.
  SqliteResult<bool> advance(std::uint64_t version);
  SqliteResult<void> apply(const MetadataChange& change);

 private:
  explicit RowWriter(Database& database) : database_(&database) {}

  SqliteResult<void> write(const VhostRow& row);
  SqliteResult<void> write(const ExchangeRow& row);
  SqliteResult<void> write(const QueueRow& row);
  SqliteResult<void> write(const BindingRow& row);
  SqliteResult<void> write(const PolicyRow& row);
  SqliteResult<void> write(const VhostGone& gone);
  SqliteResult<void> write(const ExchangeGone& gone);
  SqliteResult<void> write(const QueueGone& gone);
  SqliteResult<void> write(const BindingGone& gone);
  SqliteResult<void> write(const PolicyGone& gone);
  SqliteResult<void> run_all(std::vector<Statement>& statements, std::uint64_t id);

  Database* database_;
  std::vector<Statement> single_;
  std::vector<Statement> vhost_gone_, exchange_gone_, queue_gone_;
};

/// Everything, in the order of MetadataImage.
SqliteResult<MetadataImage> read_image(Database& database);

}  // namespace polymq::storage::sqlite
