# The lanes of a sample, together.
def unit_bams(wildcards):
    return [
        f"work/{'taken' if is_bam(wildcards.sample, unit) else 'units'}/{wildcards.sample}.{unit}.bam"
        for unit in units_of(wildcards.sample)
    ]


rule merge_units:
    input:
        unit_bams,
    output:
        temp("work/merged/{sample}.bam"),
    log:
        "logs/merge_units/{sample}.log",
    threads: config["threads"]
    conda:
        "../envs/tools.yaml"
    shell:
        "samtools merge -f -@ {threads} {output:q} {input:q} 2> {log:q}"
