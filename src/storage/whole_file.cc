// Made under another name first.
#include "storage/whole_file.h"

namespace polymq::storage {

FileResult<void> write_whole(Files& files, const std::string& name, std::string_view content) {
  const std::string draft = name + ".new";
  static_cast<void>(files.remove(draft));  // of a start that broke off there, if there is one
  auto file = files.create(draft);
  if (!file) return tl::make_unexpected(file.error());
  if (auto done = (*file)->write(0, {&content, 1}); !done) return done;
  if (auto done = (*file)->sync(); !done) return done;
  if (auto done = files.rename(draft, name); !done) return done;
  return files.sync_names();
}

}  // namespace polymq::storage
