# Base qualities by what disagrees at sites that are not known to vary (GATK BQSR); only where GATK calls and known sites are given.
rule learn_recalibration:
    input:
        bam="bams/{sample}.bam",
        bai="bams/{sample}.bam.bai",
        reference=REFERENCE,
        known=config["known_sites"],
    output:
        "work/recalibrated/{sample}.table",
    log:
        "logs/recalibrate/{sample}.learn.log",
    params:
        gatk=config["gatk"]["program"],
        known=[part for path in config["known_sites"] for part in ("--known-sites", path)],
    shell:
        "{params.gatk:q} BaseRecalibrator -R {input.reference:q} -I {input.bam:q} {params.known:q} -O {output:q} 2> {log:q}"


rule recalibrate:
    input:
        bam="bams/{sample}.bam",
        bai="bams/{sample}.bam.bai",
        table="work/recalibrated/{sample}.table",
        reference=REFERENCE,
    output:
        bam="work/recalibrated/{sample}.bam",
        bai="work/recalibrated/{sample}.bam.bai",
    log:
        "logs/recalibrate/{sample}.apply.log",
    params:
        gatk=config["gatk"]["program"],
    shell:
        "{params.gatk:q} ApplyBQSR -R {input.reference:q} -I {input.bam:q} --bqsr-recal-file {input.table:q}"
        " -O {output.bam:q} 2> {log:q} && samtools index {output.bam:q} {output.bai:q} 2>> {log:q}"
