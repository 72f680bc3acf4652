"""Behind the process wall: jobs that import Hail, and what starts them."""
