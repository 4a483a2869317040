// Writing a small file so that a crash leaves all of it, or what was there before.
#pragma once

#include <string>
#include <string_view>

#include "storage/files.h"

namespace polymq::storage {

/// Makes the file, or replaces it; synced, name and all. Waits for the disk. Nobody else may be at
/// it meanwhile: it is NAME.new until it is whole, and what has that name goes.
FileResult<void> write_whole(Files& files, const std::string& name, std::string_view content);

}  // namespace polymq::storage
