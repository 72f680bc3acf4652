"""Steps of the workflow that are this package's own: started by rules, light to import."""
