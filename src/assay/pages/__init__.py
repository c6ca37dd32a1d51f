"""Pages in one file: markup that cannot be broken by what it shows, and charts as inline SVG."""
