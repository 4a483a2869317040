// A copy of SQLite's default file system whose files have other functions to write and sync.
#include "storage/testing/faulty_sqlite.h"

#include <sqlite3.h>

#include <condition_variable>
#include <map>
#include <mutex>

namespace polymq::storage::testing {
namespace {

struct Disk {
  std::mutex lock;
  std::condition_variable changed;
  bool full = false;
  bool syncs_broken = false;
  bool syncs_held = false;
  std::size_t refused_writes = 0;
  std::size_t waiting_syncs = 0;
  std::size_t syncs = 0;
};
Disk* disk = nullptr;

/// An open file's functions; SQLite sees the first member, the rest is found behind it.
struct Methods {
  sqlite3_io_methods seen;
  const sqlite3_io_methods* real;
};
std::map<const sqlite3_io_methods*, Methods> methods;
std::mutex methods_lock;

const sqlite3_io_methods& real(sqlite3_file* file) {
  return *reinterpret_cast<const Methods*>(file->pMethods)->real;
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  {
    const std::lock_guard lock(disk->lock);
    if (disk->full) {
      ++disk->refused_writes;
      disk->changed.notify_all();
      return SQLITE_FULL;
    }
  }
  return real(file).xWrite(file, bytes, size, offset);
}

int sync(sqlite3_file* file, int flags) {
  {
    std::unique_lock lock(disk->lock);
    ++disk->waiting_syncs;
    disk->changed.notify_all();
    disk->changed.wait(lock, [] { return !disk->syncs_held; });
    --disk->waiting_syncs;
    if (disk->syncs_broken) return SQLITE_IOERR_FSYNC;
  }
  const int code = real(file).xSync(file, flags);
  const std::lock_guard lock(disk->lock);
  if (code == SQLITE_OK) ++disk->syncs;
  return code;
}

sqlite3_vfs* real_disk = nullptr;

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* given_flags) {
  const int code = real_disk->xOpen(real_disk, name, file, flags, given_flags);
  if (file->pMethods == nullptr) return code;
  const std::lock_guard lock(methods_lock);
  const auto [place, is_new] = methods.try_emplace(file->pMethods);
  if (is_new) {
    place->second = {*file->pMethods, file->pMethods};
    place->second.seen.xWrite = write;
    place->second.seen.xSync = sync;
  }
  file->pMethods = &place->second.seen;
  return code;
}

sqlite3_vfs faulty_disk;

void set(bool Disk::* what, bool value) {
  const std::lock_guard lock(disk->lock);
  disk->*what = value;
  disk->changed.notify_all();
}

}  // namespace

FaultySqlite::FaultySqlite() {
  sqlite3_initialize();
  disk = new Disk;
  real_disk = sqlite3_vfs_find(nullptr);
  faulty_disk = *real_disk;
  faulty_disk.zName = "faulty";
  faulty_disk.pNext = nullptr;
  faulty_disk.xOpen = open;
  sqlite3_vfs_register(&faulty_disk, 1);
}

FaultySqlite::~FaultySqlite() {
  sqlite3_vfs_unregister(&faulty_disk);
  sqlite3_vfs_register(real_disk, 1);
  delete disk;
  disk = nullptr;
}

void FaultySqlite::fill_disk(bool full) { set(&Disk::full, full); }
void FaultySqlite::break_syncs(bool broken) { set(&Disk::syncs_broken, broken); }
void FaultySqlite::hold_syncs(bool held) { set(&Disk::syncs_held, held); }

void FaultySqlite::await_refused_writes(std::size_t count) {
  std::unique_lock lock(disk->lock);
  const std::size_t until = disk->refused_writes + count;
  disk->changed.wait(lock, [&] { return disk->refused_writes >= until; });
}

void FaultySqlite::await_held_sync() {
  std::unique_lock lock(disk->lock);
  disk->changed.wait(lock, [] { return disk->syncs_held && disk->waiting_syncs != 0; });
}

std::size_t FaultySqlite::syncs() const {
  const std::lock_guard lock(disk->lock);
  return disk->syncs;
}

}  // namespace polymq::storage::testing
