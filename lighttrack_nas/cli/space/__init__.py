"""Commands about spaces, architectures and costs."""
