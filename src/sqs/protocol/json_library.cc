// Boost.JSON's own code, compiled once, here.
#include <boost/json/src.hpp>
