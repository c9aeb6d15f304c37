"""Where student code runs: Docker containers, bubblewrap, or plain processes."""
