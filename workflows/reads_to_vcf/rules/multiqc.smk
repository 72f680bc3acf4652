# One page of all quality reports.
rule multiqc:
    input:
        [
            f"quality/{sample}.{unit}{'.paired' if len(mates(sample, unit)) == 2 else ''}.fastp.json"
            for sample, unit in UNITS
            if config["trim"] and not is_bam(sample, unit)
        ],
        expand("quality/{sample}.flagstat", sample=SAMPLES),
    output:
        "quality/multiqc.html",
    log:
        "logs/multiqc/multiqc.log",
    conda:
        "../envs/tools.yaml"
    shell:
        "multiqc --force --no-data-dir --filename multiqc.html --outdir quality quality > {log:q} 2>&1"
