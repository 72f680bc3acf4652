# How many reads of a sample lie on the reference: none is a wrong file or a wrong reference, and nothing is called then.
rule check_aligned:
    input:
        bam="bams/{sample}.bam",
        bai="bams/{sample}.bam.bai",
    output:
        stats="quality/{sample}.flagstat",
        checked="work/aligned/{sample}.txt",
    log:
        "logs/check_aligned/{sample}.log",
    params:
        python=config["python"],
    shell:
        "samtools flagstat {input.bam:q} > {output.stats:q} 2> {log:q}"
        " && {params.python:q} -m data_modules.ingest.reads.steps.check_aligned {wildcards.sample:q} {output.stats:q}"
        " {output.checked:q} 2>> {log:q}"
