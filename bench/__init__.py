"""Speed, side by side with what does less: ratios of CPU time in one run, never seconds in a test."""
