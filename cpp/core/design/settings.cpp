#include "core/design/settings.hpp"

#include <cmath>
#include <sstream>

namespace specsched {

std::string DesignSettings::wrong() const {
    std::ostringstream text;
    // NaN fails every comparison.
    if (!(newton.tolerance > 0.0 && std::isfinite(newton.tolerance)))
        text << "tol must be finite and greater than 0, got " << newton.tolerance;
    else if (newton.max_iterations < 1)
        text << "max_iter must be at least 1, got " << newton.max_iterations;
    else if (!(min_ratio >= 1.0 && std::isfinite(min_ratio)))
        text << "min_ratio must be finite and at least 1, got " << min_ratio;
    else if (!(required_ratio >= 1.0 && required_ratio <= min_ratio))
        text << "required_ratio must lie between 1 and min_ratio, got " << required_ratio;
    else if (!(sigma_floor >= 0.0))
        text << "sigma_floor must be at least 0, got " << sigma_floor;
    else if (threads < 0)
        text << "threads must be at least 0, got " << threads;
    return text.str();
}

}  // namespace specsched
