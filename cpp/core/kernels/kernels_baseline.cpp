// The kernels for the instruction set that every machine of this architecture has.
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define SPECSCHED_REGISTER_DOUBLES 2
#endif
#include "core/kernels/one_step_kernels.inl"

extern "C" const void* specsched_kernels_baseline() {
    static const specsched::KernelTable table = specsched::kernel_table("baseline");
    return &table;
}
