// How many processor cores this process may use, and whether others want them.
#pragma once

#include <string>

namespace specsched {

// Cores that the control groups of a process leave it, rounded up; 0: no limit. `root` is where they are mounted, the
// text is that of /proc/self/cgroup.
int cores_of_control_groups(const std::string& root, const std::string& membership);

// The same for this process, read once: containers limit time, not what the system says of its cores.
int cores_allowed();

// Whether more programs run than there are cores, by the mean over the last minute; asked of the system once a second.
bool cores_are_busy();

}  // namespace specsched
