//! The gateway from the outside, and the rules of the workspace.
