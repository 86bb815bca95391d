// Limits of control groups, read from files as Linux has them, and what becomes of them in the number of threads.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/cores.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/parallel.hpp"

#if defined(_OPENMP) && !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace specsched;

namespace {

std::string root;

void write(const std::string& folder, const std::string& name, const std::string& text) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/" + name) << text;
}

void test_second_version() {
    write(root + "/a/b", "cpu.max", "max 100000\n");
    CHECK(cores_of_control_groups(root, "0::/a/b\n") == 0, "no limit");
    write(root + "/a", "cpu.max", "250000 100000\n");
    CHECK(cores_of_control_groups(root, "0::/a/b\n") == 3, "the limit of a group above, rounded up");
    write(root + "/a/b", "cpu.max", "50000 100000\n");
    CHECK(cores_of_control_groups(root, "0::/a/b\n") == 1, "the least of the limits");
    CHECK(cores_of_control_groups(root, "0::/other\n") == 0, "a group without files");
    write(root, "cpu.max", "700000 100000\n");
    CHECK(cores_of_control_groups(root, "0::/\n") == 7, "the root, as containers see their own group");
}

void test_first_version() {
    const std::string groups = "9:memory:/job\n4:cpu,cpuacct:/job\n";
    write(root + "/cpu,cpuacct/job", "cpu.cfs_quota_us", "-1\n");
    write(root + "/cpu,cpuacct/job", "cpu.cfs_period_us", "100000\n");
    CHECK(cores_of_control_groups(root, groups) == 0, "no limit");
    write(root + "/cpu,cpuacct/job", "cpu.cfs_quota_us", "400000\n");
    CHECK(cores_of_control_groups(root, groups) == 4, "quota over period");
}

void test_nonsense() {
    for (const char* text : {"", "\n", "0", ":::", "0::", "0::/a/../..", "x:y"})
        CHECK(cores_of_control_groups(root + "/nowhere", text) == 0, text);
    write(root + "/n", "cpu.max", "words and words\n");
    CHECK(cores_of_control_groups(root, "0::/n\n") == 7, "an unreadable limit is none; that of the root stays");
    write(root + "/n", "cpu.max", "100000 0\n");
    CHECK(cores_of_control_groups(root, "0::/n\n") == 7, "nor is one without a period");
    write(root + "/set/n", "cpu.cfs_quota_us", "100000\n");
    write(root + "/set/n", "cpu.cfs_period_us", "100000\n");
    CHECK(cores_of_control_groups(root, "3:set:/n\n2:cpuset:/n\n") == 0, "limits of other controllers are none");
}

void test_threads() {
    CHECK(resolve_threads_for(1e3, 0) == 1 && resolve_threads_for(1e3, 8) == 1, "too small for any");
    if (cores_are_busy()) CHECK(resolve_threads_for(1e6, 0) == 1, "too small for busy cores");
    CHECK(resolve_threads_for(1e9, 0) == resolve_threads(0), "worth the default");
#ifdef _OPENMP
    CHECK(resolve_threads_for(1e5, 2) == 2, "as asked for");
    const int before = resolve_threads(0);
    {
        const Team others(before - 1);
        CHECK(resolve_threads(0) == 1, "the rest that other regions leave");
        CHECK(resolve_threads(2) == 2, "what is asked for is not reduced");
    }
    CHECK(resolve_threads(0) == before, "given back");
#endif
}

// Regions within regions take one thread, and so do processes made by fork, whose threads stayed behind.
void test_one_thread_within_others() {
    std::vector<int> inside(4, 0);
    parallel_for(4, resolve_threads(2), [&](std::ptrdiff_t i) { inside[i] = resolve_threads(3); });
#if defined(_OPENMP) && !defined(_WIN32)
    for (const int threads : inside) CHECK(threads == 1, "one within a region");
    const pid_t child = fork();
    if (child == 0) std::exit(resolve_threads(3) == 1 ? 0 : 1);
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "a child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "one within a forked process");
    CHECK(resolve_threads(3) == 3, "as before in the process that made it");
#endif
}

#if !defined(_WIN32)
void test_environment() {
    unsetenv("OMP_NUM_THREADS");
    const int free = resolve_threads(0);
    CHECK(free >= 1, "some");
    setenv("OMP_NUM_THREADS", "1", 1);  // OpenMP read it before; here it says that the user chose
    CHECK(resolve_threads(0) >= free, "what the user asks for is not cut to what control groups allow");
    CHECK(std::string(kernels().name) == "baseline", "kernels named in the environment");
}
#endif

}  // namespace

int main() {
#if !defined(_WIN32)
    setenv("SPECSCHED_KERNELS", "baseline", 1);
    test_environment();
#endif
    test_one_thread_within_others();
    const auto folder =
        std::filesystem::temp_directory_path() / ("specsched-cores-" + std::to_string(std::random_device()()));
    root = folder.string();
    test_second_version();
    test_first_version();
    test_nonsense();
    test_threads();
    std::filesystem::remove_all(folder);
    return checks::report();
}
