// The sweeps for the instruction set that every machine of this architecture has.
#if !defined(SPECSCHED_REGISTER_DOUBLES) && defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define SPECSCHED_REGISTER_DOUBLES 2
#endif
#include "core/engine/sweeps.inl"

extern "C" const void* specsched_sweeps_baseline() {
    static const specsched::SweepTable table = specsched::sweep_table("baseline");
    return &table;
}
