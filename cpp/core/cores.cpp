#include "core/cores.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <sstream>

#if defined(__linux__) || defined(__APPLE__)
#include <cstdlib>
#include <thread>
#endif

namespace specsched {

namespace {

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Quota over period, both in microseconds; 0 where there is none ("max", -1, or no file).
double share(const std::string& quota, const std::string& period) {
    const double allowed = std::atof(quota.c_str()), whole = std::atof(period.c_str());
    return allowed > 0.0 && whole > 0.0 ? allowed / whole : 0.0;
}

// A group in version 2 ("cpu.max") or 1 of control groups.
double share_of(const std::string& folder) {
    std::istringstream both(text_of(folder + "/cpu.max"));
    std::string quota, period;
    if (both >> quota >> period) return share(quota, period);
    return share(text_of(folder + "/cpu.cfs_quota_us"), text_of(folder + "/cpu.cfs_period_us"));
}

// One in eight: a process that uses every core itself does not find them busy.
constexpr double busy_above = 1.125;

}  // namespace

int cores_of_control_groups(const std::string& root, const std::string& membership) {
    double least = 0.0;
    std::istringstream lines(membership);
    for (std::string line; std::getline(lines, line);) {  // number:controllers:path
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool second_version = controllers.empty();
        if (!second_version && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
        // A limit of a group holds for those below it.
        for (std::string path = line.substr(second + 1);; path.erase(path.find_last_of('/'))) {
            const double found = share_of(root + (second_version ? "" : "/" + controllers) + path);
            if (found > 0.0) least = least > 0.0 ? std::min(least, found) : found;
            if (path.find('/') == std::string::npos) break;
        }
    }
    return static_cast<int>(std::ceil(least));
}

int cores_allowed() {
    static const int cores = cores_of_control_groups("/sys/fs/cgroup", text_of("/proc/self/cgroup"));
    return cores;
}

bool cores_are_busy() {
#if defined(__linux__) || defined(__APPLE__)
    using namespace std::chrono;
    static std::atomic<std::int64_t> next{0};
    static std::atomic<bool> busy{false};
    const std::int64_t now = duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
    if (now >= next.load(std::memory_order_relaxed)) {
        next.store(now + 1000, std::memory_order_relaxed);
        double load = 0.0;
        const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
        busy.store(getloadavg(&load, 1) == 1 && load > busy_above * cores, std::memory_order_relaxed);
    }
    return busy.load(std::memory_order_relaxed);
#else
    return false;
#endif
}

}  // namespace specsched
