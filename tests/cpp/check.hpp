// A test is a program: CHECK counts failures and prints them, `report()` is its exit status.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace checks {

inline int& failures() {
    static int count = 0;
    return count;
}
inline int& performed() {
    static int count = 0;
    return count;
}

inline void check(bool good, const std::string& what, const char* file, int line) {
    ++performed();
    if (good) return;
    ++failures();
    std::printf("%s:%d: %s\n", file, line, what.c_str());
    if (std::getenv("SPECSCHED_STOP_AT_FAILURE")) std::exit(1);  // tests/mutation asks only whether one fails
}

// |got - want| <= tolerance * max(|want|, scale)
inline void close(double got, double want, double tolerance, double scale, const std::string& what, const char* file,
                  int line) {
    const double bound = tolerance * std::fmax(std::fabs(want), scale);
    char text[160];
    std::snprintf(text, sizeof text, ": got %.17g, want %.17g, off by %.3g of %.3g", got, want, std::fabs(got - want),
                  bound);
    check(std::fabs(got - want) <= bound, what + text, file, line);
}

inline int report() {
    std::printf("%d checks, %d failures\n", performed(), failures());
    return performed() > 0 && failures() == 0 ? 0 : 1;
}

}  // namespace checks

#define CHECK(condition, what) checks::check((condition), (what), __FILE__, __LINE__)
#define CHECK_CLOSE(got, want, tolerance, scale, what) \
    checks::close((got), (want), (tolerance), (scale), (what), __FILE__, __LINE__)
