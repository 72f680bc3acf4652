# A unit's FASTQ, read once from end to end: nothing truncated, mates in step, one quality encoding.
rule check_reads:
    input:
        lambda wildcards: mates(wildcards.sample, wildcards.unit),
    output:
        "work/checked/{sample}.{unit}.json",
    log:
        "logs/check_reads/{sample}.{unit}.log",
    params:
        python=config["python"],
    shell:
        "{params.python:q} -m data_modules.ingest.reads.steps.check_reads {output:q} {input:q} 2> {log:q}"
