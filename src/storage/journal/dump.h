// Tells what a journal says, record by record, for people.
#pragma once

#include <functional>
#include <string>

#include "storage/files.h"

namespace polymq::storage::journal {

/// `line` gets each line. Nothing is changed. Error: the folder cannot be read.
FileResult<void> dump(Files& files, const std::function<void(const std::string&)>& line);

}  // namespace polymq::storage::journal
