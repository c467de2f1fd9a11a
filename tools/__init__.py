"""What makes files of this repository out of others; nothing of it is installed or runs later."""
