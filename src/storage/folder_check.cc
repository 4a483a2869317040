// Opens the folder as a broker would, and reads all that is there.
#include "storage/folder_check.h"

#include "storage/folder_walk.h"

namespace polymq::storage {

Result<CheckedFolder> check_folder(const std::string& path) {
  FolderWalk walk;
  const auto started = walk.open(path).and_then([&] { return walk.start(); });
  if (!started) return tl::make_unexpected(started.error());
  CheckedFolder checked;
  checked.damages = walk.folder().damages();
  checked.segments = walk.folder().journal().usage().segments;
  for (const FolderWalk::Log& log : walk.logs()) {
    CheckedQueue queue;
    walk.read(log, [&](const ReadMessages& read) {
      for (const MessageRecord& message : read.messages) {
        ++queue.messages;
        queue.body_bytes += message.body.size();
      }
      for (const ReadMessages::Damage& damage : read.damages) {
        checked.damages.push_back(log.name + ", position " + std::to_string(damage.first) + ": " +
                                  damage.what);
      }
    });
    if (log.queue == nullptr) continue;
    queue.id = log.queue->id;
    queue.name = log.queue->name;
    checked.messages += queue.messages;
    checked.queues.push_back(std::move(queue));
  }
  return checked;
}

}  // namespace polymq::storage
